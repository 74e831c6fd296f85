/** To be loaded into a process before its own code: SIGUSR2 has it collect all garbage, so that what it holds shows. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
// Not with what a listener is given: by an argument it is told to collect less.
process.on('SIGUSR2', () => collect())
