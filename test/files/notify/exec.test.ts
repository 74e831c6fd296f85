import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { gone, Marker, script } from '../../providers/exec/support.ts'
import { eventually } from '../../support/e2e-eventually.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { world } from './support.ts'

t.test('a program is run without a shell, with the least of an environment', async (t) => {
  const out = join(t.testdir({}), 'out')
  const program = script(t, 'env > "$1"; echo "$2" >> "$1"; head -c 300000 /dev/zero; echo CANARY-output')
  const { notifier, told } = world(t, [{ exec: [program, out, '$HOME;x'] }])
  notifier.changed(['a'])
  t.match(await told(0), { kind: 'exec', outcome: 'ok' })
  const lines = readFileSync(out, 'utf8').trim().split('\n')
  t.equal(lines.at(-1), '$HOME;x')
  t.ok(lines.includes('SIDEKEEP_FILE=/shared/app.json'))
  t.ok(lines.includes('HOME=/home/own'))
  t.notMatch(lines.join('\n'), 'CANARY')
})

t.test('how a program ended badly is told, and nothing that it wrote', async (t) => {
  const rows: [string, RegExp][] = [
    ['echo CANARY-output; echo CANARY-error >&2; exit 3', /ended with the exit code 3$/],
    ['kill -9 $$', /was killed \(SIGKILL\)$/],
  ]
  for (const [body, message] of rows) {
    const { notifier, told } = world(t, [{ exec: [script(t, body), 'CANARY-argument'] }])
    notifier.changed(['a'])
    const { error } = await told(0)
    t.match(error, { reason: 'status', message })
    t.notMatch(`${error?.stack}${JSON.stringify(error)}`, 'CANARY')
    await notifier.close()
  }
  const { notifier, told } = world(t, [{ exec: ['/nowhere/program'] }])
  notifier.changed(['a'])
  t.match((await told(0)).error, { reason: 'place', remedy: /not there.*correct exec/ })
})

t.test(
  'a program that takes too long is ended with what it has started, before it is told again',
  async (t) => {
    const marker = new Marker(t)
    const clock = new VirtualClock()
    // For no longer than this process, which may be cut short and end nobody.
    const program = script(t, 'trap "" TERM; echo $$ > "$1"; while kill -0 $PPID; do sleep 0.01; done')
    const { notifier, told, events } = world(t, [{ exec: [program, marker.path], timeout: '5s' }], { clock })
    notifier.changed(['a'])
    const pid = await marker.pid()
    await clock.advance(5000)
    notifier.changed(['b'])
    t.equal(events.length, 0, 'it has time to end by itself')
    await clock.advance(2000)
    t.match(await told(0), { outcome: 'failed', changed: ['a'], error: { reason: 'timeout' } })
    await gone(pid)
    await eventually('it is told again', () => readFileSync(marker.path, 'utf8') !== `${pid}\n`)
    const again = await marker.pid()
    const closed = notifier.close()
    await clock.advance(2000)
    await closed
    await gone(again)
  },
)

t.test('closing ends a program that runs', async (t) => {
  const marker = new Marker(t)
  const program = script(t, 'echo $$ > "$1"; exec sleep 60')
  const { notifier, events } = world(t, [{ exec: [program, marker.path] }])
  notifier.changed(['a'])
  await marker.pid()
  await notifier.close()
  await marker.gone()
  t.equal(events.length, 0)
})
