/** NODE_DEBUG=undici has the client of providers write each URL to standard error, with a credential in its query. */
import t from 'tap'
import { canaryGuard } from '../support/canary.ts'
import { startChild } from '../support/process-child.ts'
import { configFile, simpleConfig, token } from '../support/process-sidecar.ts'

for (const sections of ['undici', 'tls,Fetch', 'und*']) {
  t.test(`it does not run with NODE_DEBUG=${sections}`, async (t) => {
    const guard = canaryGuard(t)
    const config = configFile(t, simpleConfig('http://127.0.0.1:1/?key=CANARY-in-the-url'))
    const env = { AUTH_TOKEN: token, NODE_DEBUG: sections }
    const child = startChild(t, ['run', '--config', config], { env })
    guard.watchChild('the sidecar', child.process)
    const { code, stdout, stderr } = await child.ended()
    t.equal(code, 78)
    t.equal(stdout, '', 'nothing was opened')
    t.match(
      stderr,
      /NODE_DEBUG has the URLs of providers written.*SIDEKEEP_ALLOW_DEBUGGING=1.*\(SIDEKEEP_USAGE\)/,
    )
  })
}
