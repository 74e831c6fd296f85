/** What of a client's middleware is used here. */
interface Stack {
  add(
    middleware: Middleware,
    options: { step: 'deserialize'; priority: 'high'; name: string; override: true },
  ): void
}

// The SDK's own type has a member of each of its parts; those that count here are looked at when they come.
// biome-ignore lint/suspicious/noExplicitAny: see above
type Next = (args: any) => Promise<any>
type Middleware = (next: Next) => Next

/**
 * A plugin of the SDK: overwrites the bytes of an answer once they have been read, whatever came of it. Strings that the
 * SDK made of them meanwhile cannot be overwritten by anybody.
 */
export const overwriting = {
  applyToStack(stack: Stack): void {
    stack.add(overwrite, { step: 'deserialize', priority: 'high', name: 'overwriteAnswer', override: true })
  },
}

const overwrite: Middleware = (next) => async (args) => {
  try {
    const result: unknown = await next(args)
    wipeBody(result, 'response')
    return result
  } catch (error) {
    wipeBody(error, '$response')
    throw error
  }
}

function wipeBody(holder: unknown, name: string): void {
  const response: unknown = isObject(holder) ? Reflect.get(holder, name) : undefined
  const body: unknown = isObject(response) ? Reflect.get(response, 'body') : undefined
  if (body instanceof Uint8Array) body.fill(0)
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
