import { isIPv4, isIPv6 } from 'node:net'

/** Texts of more than this are not parsed for their members, in bytes: a rotation shall not hold everybody up. */
const largestDocument = 64 * 1024
const mostMembers = 256
/**
 * The shortest member that is looked for, in bytes: the shortest password that NIST SP 800-63B lets a person choose. What
 * is shorter is a port, a user, a flag more often than a secret.
 */
const shortestMember = 8

/** The strings in a value that is a JSON object or array, at any depth: applications read a value by its fields. */
export function membersOf(value: Uint8Array): Buffer[] {
  if (value.length > largestDocument || (value[0] !== 0x7b && value[0] !== 0x5b)) return []
  const members = new Set<string>()
  const rest = [parsed(Buffer.from(value.buffer, value.byteOffset, value.length).toString('utf8'))]
  while (rest.length > 0 && members.size < mostMembers) {
    const next = rest.pop()
    if (typeof next === 'string') members.add(next)
    // Not all at once as arguments: there may be more of them than a function takes.
    else if (typeof next === 'object' && next !== null)
      for (const part of Object.values(next)) rest.push(part)
  }
  // Addresses are in every second line, and no secrets.
  const wanted = [...members].filter((member) => !isAddress(member))
  return wanted.map((member) => Buffer.from(member)).filter(({ length }) => length >= shortestMember)
}

/** The first look at an IPv6 address costs 8 ms, for a pattern that is compiled then: few texts need it. */
function isAddress(text: string): boolean {
  return isIPv4(text) || (text.includes(':') && isIPv6(text))
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // Then it has no members; what the error quotes is nobody's business.
    return undefined
  }
}
