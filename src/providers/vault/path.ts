/** Keys and paths of the API: what may be asked for, and how it is written in a URL. */

/** A readable path, as a policy names it, and the version of a KV secret where one is pinned. */
export interface KeyPath {
  readonly path: string
  /** A whole number above 0, as it is written. */
  readonly version: string | undefined
}

/** Why a key cannot be asked for, in words for a message. */
export interface Refused {
  readonly refused: string
}

/** A longer path is not Vault's to serve (its storage has shorter names), and would only fill the log. */
const longest = 1024

const forms = /^([^?]*)(?:\?version=([1-9][0-9]{0,9}))?$/u

/**
 * Reads a key such as `kv/app` or `kv/app?version=3`. What would lead elsewhere than it looks like is refused, and so is
 * what tells of the token itself: `auth/token/lookup-self` answers with the token.
 */
export function parseKey(key: string): KeyPath | Refused {
  const [, path, version] = forms.exec(key) ?? []
  if (path === undefined) return { refused: 'it has a "?" that is not the one of ?version=NUMBER' }
  if (key.length > longest) return { refused: `it is longer than ${longest} characters` }
  if (/[\p{Cc}\p{Cs}]/u.test(path)) return { refused: 'it holds a control character' }
  if (/[%#\\]/.test(path)) return { refused: 'it holds "%", "#" or a backslash' }
  if (path.includes('..')) return { refused: 'it holds ".."' }
  const segments = path.split('/')
  if (segments.some((segment) => segment === '' || segment === '.')) {
    return { refused: 'it has an empty or "." segment' }
  }
  const [first] = segments
  if (segments.length < 2) {
    return { refused: 'it is neither the name of one of requests nor a path with its mount, such as kv/app' }
  }
  if (first === 'auth' || first === 'sys') {
    return { refused: `what lies below ${first}/ is read only where requests names it` }
  }
  return { path, version }
}

/** The path in a URL: each segment encoded, a slash at the end kept. */
export function encodePath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/')
}
