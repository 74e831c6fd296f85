/** What the upstream answers, and to what. */
export const paths = { small: '/512', large: '/64k', upload: '/upload' }
export const largeBytes = 65_536
export const uploadBytes = 16_384
