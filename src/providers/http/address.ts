const placeholder = '{key}'

/**
 * Where a provider's secrets are: one list, or one URL a key where the configured `url` contains `{key}`. That `url`
 * is an http(s) URL without credentials, and has `{key}` in its path or query only, is the configuration's to check.
 */
export class Address {
  readonly perKey: boolean
  /** Scheme, host and port: every request of the provider goes there, and nowhere else. */
  readonly origin: string
  readonly #template: string

  constructor(url: string) {
    this.perKey = url.includes(placeholder)
    this.origin = new URL(url).origin
    this.#template = url
  }

  /** The URL of the list. */
  list(): URL {
    return new URL(this.#template)
  }

  /**
   * The URL of a key, percent-encoded segment by segment: slashes stay separators. Undefined for a key that no URL can
   * name: an empty one, and one with a segment `.` or `..`, which would lead out of the path that was configured.
   */
  of(key: string): URL | undefined {
    const segments = key.split('/')
    if (key === '' || !key.isWellFormed() || segments.some((s) => s === '.' || s === '..')) return undefined
    const encoded = segments.map(encodeURIComponent).join('/')
    return new URL(this.#template.replaceAll(placeholder, () => encoded))
  }
}

/** What of a URL may appear in messages: path and query may carry credentials, from a variable of the environment say. */
export function shown(url: URL): string {
  return url.origin
}
