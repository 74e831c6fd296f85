import type { Test } from 'tap'
import t from 'tap'
import { digestOf, isSame } from '../../src/access/digest.ts'
import type { TokenChange } from '../../src/access/token.ts'
import { Token } from '../../src/access/token.ts'
import { StringSource } from '../../src/config/source.ts'
import { CodedError } from '../../src/errors.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { tokenOf } from './support/callers.ts'

interface Rig {
  readonly token: Token
  readonly clock: VirtualClock
  readonly changes: TokenChange[]
  /** What the place of the token holds, and another caller's token. */
  readonly world: { TOKEN?: string | undefined; foreign?: string }
  holds(what: string): boolean
}

/** A token whose place a test writes to, and that is read when the test says. */
function tokenRig(t: Test, first: string | undefined): Rig {
  const clock = new VirtualClock()
  const changes: TokenChange[] = []
  const world: Rig['world'] = { TOKEN: first }
  const token = new Token({
    source: new StringSource({ env: 'TOKEN' }, 'credential', world),
    label: 'token of web',
    clock,
    keeper: { hold() {}, release() {} },
    objection: (digest) =>
      world.foreign !== undefined && isSame(digest, digestOf(world.foreign)) ? 'is not its own' : undefined,
    changed: (change) => changes.push(change),
  })
  t.teardown(() => token.close())
  return { token, clock, changes, world, holds: (what) => isSame(token.digest, digestOf(what)) }
}

t.test('what is wrong with a token voids it when it is so still 2 s later, and is told once', async (t) => {
  const { token, clock, changes, world, holds } = tokenRig(t, tokenOf('first'))
  t.equal(await token.load(), undefined)
  delete world.TOKEN
  await token.look()
  t.equal(token.isValid, true)
  await clock.advance(1_000)
  await token.look()
  await clock.advance(999)
  t.ok(holds(tokenOf('first')), 'looks in between hurry nothing')
  await clock.advance(1)
  t.equal(token.isValid, false)
  t.notOk(holds(tokenOf('first')))
  t.match(changes, [{ kind: 'void', why: /TOKEN is not set/ }])
  for (let look = 0; look < 3; look += 1) {
    await token.look()
    await clock.advance(2_000)
  }
  t.equal(changes.length, 1)
  t.equal(clock.pending, 0)
})

t.test('that the process has too many files open says nothing of a token', async (t) => {
  let cause: string | undefined
  class Source extends StringSource {
    override async read(): Promise<string> {
      if (cause === undefined) return tokenOf('first')
      const error = Object.assign(new Error(cause), { code: cause })
      throw new CodedError('SIDEKEEP_CREDENTIAL_UNREADABLE', [`no (${cause})`], { cause: error })
    }
  }
  const [clock, changes]: [VirtualClock, TokenChange[]] = [new VirtualClock(), []]
  const token = new Token({
    source: new Source({ env: 'TOKEN' }),
    label: 'token of web',
    clock,
    keeper: { hold() {}, release() {} },
    objection: () => undefined,
    changed: (change) => changes.push(change),
  })
  t.teardown(() => token.close())
  await token.load()
  for (const passing of ['EMFILE', 'ENFILE']) {
    cause = passing
    await token.look()
    await clock.advance(2_000)
    await token.look()
    t.equal(token.isValid, true, passing)
  }
  cause = 'EACCES'
  await token.look()
  await clock.advance(2_000)
  t.equal(token.isValid, false, 'what is wrong with its file does')
  t.match(changes, [{ kind: 'void', why: /EACCES/ }])
})

t.test('a token that is whole again within 2 s was never void', async (t) => {
  const { token, clock, changes, world, holds } = tokenRig(t, tokenOf('first'))
  await token.load()
  world.TOKEN = 'CANARY-half-1'
  await token.look()
  t.notOk(holds('CANARY-half-1'))
  await clock.advance(1_500)
  world.TOKEN = tokenOf('first')
  await token.look()
  world.TOKEN = 'CANARY-half-1'
  await clock.advance(1_500)
  await token.look()
  await clock.advance(1_999)
  t.ok(holds(tokenOf('first')), 'each time counts for itself')
  t.strictSame(changes, [])
})

t.test('a good token takes effect at once, also where there was none or a void one', async (t) => {
  const { token, changes, world, holds } = tokenRig(t, undefined)
  t.match(await token.load(), /TOKEN is not set/)
  t.equal(token.isValid, false)
  for (const what of ['first', 'second']) {
    world.TOKEN = tokenOf(what)
    await token.look()
    t.ok(holds(tokenOf(what)))
  }
  await token.look()
  t.strictSame(changes, [{ kind: 'taken' }, { kind: 'taken' }], 'the same token is no change')
})

t.test('another reason is told as well', async (t) => {
  const { token, clock, changes, world } = tokenRig(t, undefined)
  await token.load()
  world.TOKEN = 'CANARY-weak-1'
  await token.look()
  await clock.advance(2_000)
  t.match(changes, [{ kind: 'void', why: /sidekeep token/ }])
})

t.test('the token of somebody else is unfit until it is free', async (t) => {
  const { token, clock, changes, world, holds } = tokenRig(t, tokenOf('own'))
  await token.load()
  world.foreign = tokenOf('foreign')
  world.TOKEN = tokenOf('foreign')
  await token.look()
  t.ok(holds(tokenOf('own')))
  await clock.advance(2_000)
  t.equal(token.isValid, false)
  t.match(changes, [{ kind: 'void', why: /is not its own/ }])
  delete world.foreign
  await token.look()
  t.ok(holds(tokenOf('foreign')))
})

t.test('whoever asks for a look while one is under way gets another one', async (t) => {
  const { token, world, holds } = tokenRig(t, tokenOf('first'))
  await token.load()
  const first = token.look()
  world.TOKEN = tokenOf('second')
  await Promise.all([first, token.look()])
  t.ok(holds(tokenOf('second')))
})

t.test('a token that was let go while it was read does not come back', async (t) => {
  const { token, changes, world } = tokenRig(t, undefined)
  await token.load()
  world.TOKEN = tokenOf('late')
  const look = token.look()
  token.close()
  await look
  t.equal(token.isValid, false)
  t.strictSame(changes, [])
})
