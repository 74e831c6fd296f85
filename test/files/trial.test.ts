import t from 'tap'
import { files } from '../../src/config/schema/files.ts'
import type { Places } from '../../src/files/places.ts'
import { tryFiles } from '../../src/files/trial.ts'
import { settle, VirtualClock } from '../support/virtual-clock.ts'

/** A trial of files on volumes of which those below `/dead` do not answer. */
function trialOf(written: readonly object[]) {
  const clock = new VirtualClock()
  const asked: [string, readonly string[]][] = []
  const places: Pick<Places, 'tryPlace' | 'isInMemory'> = {
    async tryPlace(path, _kind, _ownership, names) {
      asked.push([path, names])
      if (path.startsWith('/dead')) await new Promise(() => {})
    },
    isInMemory: async () => true,
  }
  const trial = tryFiles(files().parse(written), { places, clock })
  return { clock, asked, trial }
}

t.test('a volume has ten seconds to answer, and keeps the others from nothing', async (t) => {
  const { clock, asked, trial } = trialOf([
    { path: '/dead/a', format: 'map', secrets: ['x'] },
    { path: '/shared/a', format: 'map', secrets: ['x'] },
    { path: '/dead/../dead/b', format: 'map', secrets: ['x'] },
    { path: '/dead/below/c', format: 'map', secrets: ['x'] },
  ])
  let isOver = false
  void trial.then(() => {
    isOver = true
  })
  await clock.advance(9_999)
  t.notOk(isOver)
  await clock.advance(1)
  const [first, well, second, third] = await trial
  for (const [each, path] of [
    [first, '/dead/a'],
    [second, '/dead/../dead/b'],
    [third, '/dead/below/c'],
  ] as const) {
    t.match(each, {
      path,
      hangs: true,
      inMemory: undefined,
      failure: {
        reason: 'io',
        message: `cannot write ${path}: its volume has not answered within 10 s`,
        remedy: /share whose server does not answer/,
      },
    })
  }
  t.match(well, { path: '/shared/a', failure: undefined, inMemory: true, hangs: false })
  t.strictSame(
    asked.map(([path]) => path),
    ['/dead/a', '/shared/a', '/dead/below/c'],
    'no second one beside one that hangs in that folder',
  )
  t.equal(clock.pending, 0)
})

t.test('a folder is tried with the names that are known', async (t) => {
  const { asked, trial } = trialOf([
    {
      path: '/shared/tls',
      format: 'directory',
      secrets: ['tls/cert', 'tls/key', 'db/*'],
      keys: { 'tls/key': 'key.pem' },
    },
    { path: '/shared/raw', format: 'raw', secrets: ['x'] },
  ])
  await settle()
  await trial
  t.strictSame(asked, [
    ['/shared/tls', ['tls/cert', 'key.pem']],
    ['/shared/raw', []],
  ])
})
