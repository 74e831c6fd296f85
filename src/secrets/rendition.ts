import { JsonDocument } from './field.ts'
import type { ServedState } from './reading.ts'
import type { Secret } from './secret.ts'
import { contentVersion } from './secret.ts'

/** Bytes that are ready to send. They are a private field, so that what prints the object does not print them. */
export class Representation {
  readonly #body: Buffer
  readonly contentType: string
  /** A strong entity tag with its quotes (RFC 9110, section 8.8.3): the same tag means the same bytes. */
  readonly etag: string
  /** Made for one answer alone. */
  isPassing = false

  constructor(body: Buffer, contentType: string, etag: string) {
    this.#body = body
    this.contentType = contentType
    this.etag = etag
  }

  /** The bytes themselves, not a copy: do not change them. */
  reveal(): Buffer {
    return this.#body
  }

  /** Overwrites the bytes. Only when nobody is being sent them. */
  wipe(): void {
    this.#body.fill(0)
  }
}

export type Form = 'json' | 'raw'

/** Callers choose the field, so what is kept for them is bounded; a further field is rendered anew each time. */
const maxPreparedFields = 32

const jsonTag = /^[0-9a-z]+\/json(?:-stale)?$/

/**
 * A secret in the forms in which it is served: rendered when first asked for, once per rotation. What it hands out is
 * good within the same turn of the event loop; whoever needs it for longer keeps a pin.
 */
export class Rendition {
  readonly #secret: Secret
  readonly #fetchedAt: number
  /**
   * What the entity tags begin with. The content is in it, since a provider may use a version again for other bytes:
   * a key that is deleted and made anew starts at version 1 again, and so may a backend while the sidecar restarts.
   */
  readonly #tag: string
  readonly #prepared = new Map<string, Representation>()
  /** The value as JSON, once a field was asked for: a large one takes long to parse, and callers may ask for many. */
  #document: JsonDocument | undefined
  /** How many callers are still being sent some of it. */
  #pins = 0
  #state: 'live' | 'over' | 'wiped' = 'live'

  /** @param fetchedAt when the version was fetched, in milliseconds since the epoch */
  constructor(secret: Secret, fetchedAt: number) {
    this.#secret = secret
    this.#fetchedAt = fetchedAt
    this.#tag = `${secret.version}/${contentVersion(secret.name, secret)}`
  }

  /** The bytes of one form of the whole value, or of one of its fields; undefined where there is no such field. */
  represent(form: Form, state: ServedState, field?: string): Representation | undefined {
    // Raw bytes say nothing of the state, so one representation serves both.
    const slot = `${form === 'raw' ? 'raw' : state}${field === undefined ? '' : ` ${field}`}`
    const ready = this.#prepared.get(slot)
    if (ready !== undefined) return ready
    // Never zeroes for a secret: whoever comes so late has kept a reading for longer than it is good for.
    if (this.#state === 'wiped') throw new Error('a reading was used after its turn: read the cache again')
    const made = form === 'raw' ? this.#raw(field) : this.#json(state, field)
    if (made === undefined) return undefined
    made.isPassing = field !== undefined && this.#prepared.size >= maxPreparedFields
    if (!made.isPassing) this.#prepared.set(slot, made)
    return made
  }

  /**
   * Whether an entity tag of If-None-Match names this version and content in this form. A change of state alone is no
   * change: the tag of the fresh representation also matches the stale one, so that an outage of a backend does not look
   * like a rotation to an application that polls. `W/` is ignored, as the comparison is weak (RFC 9110, section 13.1.2).
   */
  matches(etag: string, form: Form): boolean {
    const opaque = etag.startsWith('W/') ? etag.slice(3, -1) : etag.slice(1, -1)
    if (form === 'raw') return opaque === `${this.#tag}/raw`
    return opaque.startsWith(`${this.#tag}/`) && jsonTag.test(opaque.slice(this.#tag.length + 1))
  }

  /** Nothing of it is overwritten until `unpin` is called as often: it is on its way to a caller. */
  pin(): void {
    this.#pins += 1
  }

  unpin(): void {
    this.#pins -= 1
    if (this.#state === 'over' && this.#pins === 0) this.#overwrite()
  }

  /** A representation is needed no more. A field beyond those that are kept is overwritten: it was made for one answer. */
  sent(representation: Representation): void {
    if (representation.isPassing) representation.wipe()
  }

  /** Overwrites the secret and all that was rendered of it, once nobody is being sent it any more. */
  wipe(): void {
    if (this.#state === 'live') this.#state = 'over'
    if (this.#pins === 0) this.#overwrite()
  }

  #overwrite(): void {
    this.#state = 'wiped'
    for (const representation of this.#prepared.values()) representation.wipe()
    this.#prepared.clear()
    this.#document = undefined
    this.#secret.wipe()
  }

  #json(state: ServedState, field: string | undefined): Representation | undefined {
    const { name, version, isText } = this.#secret
    const picked = field === undefined ? undefined : this.#field(field)
    if (field !== undefined && picked === undefined) return undefined
    const value = picked ?? this.#secret.reveal().toString(isText ? 'utf8' : 'base64')
    const body = Buffer.from(
      JSON.stringify({
        name,
        value,
        ...(isText ? {} : { encoding: 'base64' }),
        version,
        fetchedAt: new Date(this.#fetchedAt).toISOString(),
        state,
      }),
    )
    const etag = `"${this.#tag}/${this.#fetchedAt.toString(36)}/json${state === 'stale' ? '-stale' : ''}"`
    return new Representation(body, 'application/json; charset=utf-8', etag)
  }

  #raw(field: string | undefined): Representation | undefined {
    const { isText } = this.#secret
    const contentType = isText ? 'text/plain; charset=utf-8' : 'application/octet-stream'
    const etag = `"${this.#tag}/raw"`
    if (field === undefined) return new Representation(this.#secret.reveal(), contentType, etag)
    const picked = this.#field(field)
    return picked === undefined ? undefined : new Representation(Buffer.from(picked), contentType, etag)
  }

  #field(field: string): string | undefined {
    if (!this.#secret.isText) return undefined
    this.#document ??= new JsonDocument(this.#secret.reveal().toString('utf8'))
    return this.#document.pick(field)
  }
}
