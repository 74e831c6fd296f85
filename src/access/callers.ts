import type { StringSource } from '../config/source.ts'
import type { Clock } from '../secrets/clock.ts'
import type { Access } from './access.ts'
import type { Caller } from './caller.ts'
import type { Digest } from './digest.ts'
import { digestOf, isSame } from './digest.ts'
import type { AccessConfig, Settings } from './settings.ts'
import { callerWith, mayDoTheSame, settingsOf } from './settings.ts'
import type { TokenChange, TokenKeeper } from './token.ts'
import { Token } from './token.ts'

/** The part of pino that is used here. */
export interface AccessLog {
  info(details: object, message: string): void
  warn(details: object, message: string): void
}

export interface CallersOptions {
  /** The listener's address, as the configuration writes it. */
  readonly listener: string
  readonly clock: Clock
  readonly log: AccessLog
  /** Those of all listeners: nobody's token may be another's too. One set for all of them; without it, only of this one. */
  readonly peers?: Set<Callers>
  /** Makes what keeps a token out of the log; each has its own. Without it tokens are only not written. */
  readonly keeper?: () => TokenKeeper
}

/** A change that is ready to be made, at once and without fail, or given up. */
export interface PreparedAccess {
  commit(): void
  abandon(): Promise<void>
}

/** A token with whom it lets in. */
interface Pass {
  readonly name: string
  readonly token: Token
  settings: Settings
  /** Undefined while the token lets nobody in. */
  caller: Caller | undefined
}

const noKeeper: TokenKeeper = { hold() {}, release() {} }

const nobody: Settings = { rights: [], allow: [], limit: undefined }

/** Who may ask one listener: its callers with their tokens, or whoever can connect. */
export class Callers implements Access {
  readonly #options: CallersOptions
  readonly #peers: Set<Callers>
  #config: AccessConfig
  #passes: readonly Pass[] = []
  #anyone: Caller

  /** Reads the tokens. One that is missing, weak or another caller's is logged and lets nobody in. Never rejects. */
  static async create(config: AccessConfig, options: CallersOptions): Promise<Callers> {
    const callers = new Callers(config, options)
    const prepared = await callers.prepare(config)
    prepared.commit()
    return callers
  }

  private constructor(config: AccessConfig, options: CallersOptions) {
    this.#options = options
    this.#peers = options.peers ?? new Set()
    this.#config = config
    this.#anyone = this.#newAnyone(config)
  }

  get wants(): Access['wants'] {
    if (this.#config.callers !== undefined) return 'token'
    return this.#config.access === 'header' ? 'header' : 'nothing'
  }

  get anyone(): Caller {
    return this.#anyone
  }

  /** Whose token it is. Each token is compared in full, whatever came of the ones before. */
  identify(token: string): Caller | undefined {
    const digest = digestOf(token)
    let found: Caller | undefined
    for (const pass of this.#passes) {
      if (isSame(pass.token.digest, digest)) found = pass.caller
    }
    return found
  }

  /**
   * Makes ready for another configuration: reads the tokens that it adds. With `commit` it is in force: a caller of whom
   * nothing has changed, and whose token stays, is the same object; the others end.
   */
  async prepare(config: AccessConfig): Promise<PreparedAccess> {
    const former = [...this.#passes]
    const kept: [Pass, Settings][] = []
    const added: Pass[] = []
    for (const [name, caller] of Object.entries(config.callers ?? {})) {
      const settings = settingsOf(caller, config)
      for (const source of caller.tokens) {
        const at = former.findIndex((pass) => pass.name === name && pass.token.source.isWrittenAs(source))
        const [pass] = at < 0 ? [] : former.splice(at, 1)
        if (pass === undefined) added.push(this.#newPass(name, source, settings))
        else kept.push([pass, settings])
      }
    }
    const faults = await Promise.all(added.map(async (pass) => [pass, await pass.token.load()] as const))
    return {
      commit: () => {
        this.#peers.add(this)
        for (const pass of former) leave(pass)
        this.#passes = kept.map(([pass]) => pass)
        for (const [pass, settings] of kept) this.#change(pass, settings)
        for (const [pass, fault] of faults) this.#admit(pass, fault)
        this.#changeAnyone(config)
        // Who changes the configuration and a token together need not wait until its file is looked at anyway.
        for (const [{ token }] of kept) void token.look()
        if (former.length > 0) this.#gaveUp()
      },
      abandon: async () => {
        for (const { token } of added) token.close()
      },
    }
  }

  /** Lets nobody in any more, and ends all callers. */
  close(): void {
    this.#peers.delete(this)
    for (const pass of this.#passes) leave(pass)
    this.#passes = []
    this.#anyone.end()
    this.#gaveUp()
  }

  /** Somebody has given up a token, which may be what one of these was refused. */
  retry(): void {
    for (const { token } of this.#passes) token.retry()
  }

  /** The caller, other than `except`, whose token has this digest. */
  holderOf(digest: Digest, except?: string): string | undefined {
    return this.#passes.find(
      ({ name, token }) => name !== except && token.isValid && isSame(token.digest, digest),
    )?.name
  }

  #newPass(name: string, source: StringSource, settings: Settings): Pass {
    const { clock, keeper = () => noKeeper } = this.#options
    const token = new Token({
      source,
      label: `token of ${name}`,
      clock,
      keeper: keeper(),
      objection: (digest) => this.#objectionTo(digest, name),
      changed: (change) => this.#changed(pass, change),
    })
    const pass: Pass = { name, token, settings, caller: undefined }
    return pass
  }

  #gaveUp(): void {
    for (const peer of new Set([this, ...this.#peers])) peer.retry()
  }

  #objectionTo(digest: Digest, name: string): string | undefined {
    for (const peer of [this, ...this.#peers]) {
      const holder = peer.holderOf(digest, name)
      if (holder !== undefined) return `holds the token of the caller "${holder}": each caller needs its own`
    }
    return undefined
  }

  /** Takes in a token that was just read for the first time, after those that are in force already. */
  #admit(pass: Pass, fault: string | undefined): void {
    const { token, name, settings } = pass
    const objection = token.isValid ? this.#objectionTo(token.digest, name) : undefined
    const refusal = objection && `${token.source.describe()} ${objection}`
    if (refusal !== undefined) token.refuse(refusal)
    const why = refusal ?? fault
    if (token.isValid) pass.caller = callerWith(name, this.#options.listener, settings)
    else if (why !== undefined) this.#tellVoid(pass, why)
    this.#passes = [...this.#passes, pass]
    token.watch()
  }

  #change(pass: Pass, settings: Settings): void {
    const [before, former] = [pass.settings, pass.caller]
    pass.settings = settings
    if (mayDoTheSame(before, settings)) {
      former?.limitTo(settings.limit)
      return
    }
    if (former !== undefined) pass.caller = callerWith(pass.name, this.#options.listener, settings)
    former?.end()
  }

  #changed(pass: Pass, change: TokenChange): void {
    const { listener, log } = this.#options
    const { name, token, settings, caller: former } = pass
    pass.caller = change.kind === 'taken' ? callerWith(name, listener, settings) : undefined
    former?.end()
    if (change.kind === 'void') this.#tellVoid(pass, change.why)
    else log.info({ listener, caller: name, token: token.source.describe() }, 'a token was read anew')
    if (former !== undefined) this.#gaveUp()
  }

  #tellVoid({ name, token }: Pass, why: string): void {
    const { listener, log } = this.#options
    log.warn({ listener, caller: name, token: token.source.describe(), why }, 'a token lets nobody in')
  }

  #changeAnyone(config: AccessConfig): void {
    const [before, former] = [this.#config, this.#anyone]
    this.#config = config
    const isWanted = config.callers === undefined
    // Whoever came while no header was wanted could not send one, perhaps.
    const isTighter = before.access === 'open' && config.access === 'header'
    const isSame = isWanted === (before.callers === undefined) && !isTighter
    if (isSame && mayDoTheSame(before.anyone, config.anyone)) {
      if (isWanted) former.limitTo(config.anyone.limit)
      return
    }
    this.#anyone = this.#newAnyone(config)
    former.end()
  }

  #newAnyone({ callers, anyone }: AccessConfig): Caller {
    return callerWith(undefined, this.#options.listener, callers === undefined ? anyone : nobody)
  }
}

function leave({ token, caller }: Pass): void {
  token.close()
  caller?.end()
}
