/**
 * What the image's executable begins with: hands over to the bundle beside it. In there `require` knows Node's own
 * modules alone, so one that reads files is made first.
 */
const { createRequire } = require('node:module')

const bundle = '/opt/sidekeep/sidekeep.js'
createRequire(bundle)(bundle)
