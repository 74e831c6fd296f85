/** What the image's executable begins with. In here `require` knows Node's own modules alone: the loader reads files. */
const { createRequire } = require('node:module')

const folder = '/opt/sidekeep/'
createRequire(folder)('./load.cjs').load(folder)
