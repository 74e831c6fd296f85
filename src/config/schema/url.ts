import * as z from 'zod/mini'
import { isLoopbackAddress } from '../listen.ts'
import { option } from './option.ts'

/** Stands for the key in the URL of a provider that is asked key by key. */
export const keyPlaceholder = '{key}'

const expected = 'a URL that begins with http:// or https://'

/**
 * The URL of a backend, with at most one `{key}`, in its path or query. User names and passwords in it are refused:
 * a URL ends up in logs. So is a fragment: it is never sent.
 */
export function backendUrl() {
  return option(
    z.string({ error: expected }).check(
      z.superRefine((url, ctx) => {
        const problem = problemOf(url)
        if (problem !== undefined) ctx.addIssue({ code: 'custom', message: problem, input: url })
      }),
    ),
    { type: 'URL', pattern: /^https?:\/\/[^/?#@]+([/?][^#]*)?$/ },
  )
}

/** Whether what is sent to a valid URL of http or https travels unencrypted to another host. */
export function isPlainRemote(url: string): boolean {
  const { hostname, protocol } = new URL(url.replace(keyPlaceholder, 'key'))
  const host = hostname.replace(/^\[(.*)\]$/, '$1')
  return protocol === 'http:' && host !== 'localhost' && !isLoopbackAddress(host)
}

function problemOf(url: string): string | undefined {
  const parts = url.split(keyPlaceholder)
  if (parts.length > 2) return `${expected} with ${keyPlaceholder} once at most`
  if (parts.some((part) => /[{}]/.test(part)))
    return `${expected} with no other placeholder than ${keyPlaceholder}`
  // A URL parser drops line breaks and tabs and trims spaces without a word.
  if (/[\s\p{Cc}]/u.test(url)) return `${expected} without spaces and control characters`
  if (!/^https?:\/\//.test(url) || !URL.canParse(parts.join('key'))) return expected
  const parsed = new URL(parts.join('key'))
  if (parsed.username !== '' || parsed.password !== '') {
    return `${expected} without user name and password (a token belongs into token, other credentials into headers)`
  }
  if (url.includes('#')) return `${expected} without a fragment (#…), which is never sent`
  const authority = /^[a-z]+:\/\/[^/?]*/i.exec(url)?.[0] ?? ''
  if (authority.includes(keyPlaceholder))
    return `${expected} with ${keyPlaceholder} in its path or query only`
  return undefined
}
