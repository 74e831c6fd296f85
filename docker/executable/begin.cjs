/** What the image's executable begins with. In here `require` knows Node's own modules alone: the others read files. */
const { createRequire } = require('node:module')

const folder = '/opt/sidekeep/'
const required = createRequire(folder)
required('./trust.cjs').trustSystem()
required('./load.cjs').load(folder)
