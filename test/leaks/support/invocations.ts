/** How each command is called, so that all that it can say is said. */
import { kinds } from './backends.ts'
import { tokenVariables } from './callers.ts'

export interface Invocation {
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly code: number
  /** What the command is for: its standard output, and nothing else, carries a secret or a token. */
  readonly prints?: 'a value' | 'a token'
}

/** What commands are called with. */
export interface Places {
  readonly config: string
  /** A configuration with mistakes beside credentials. */
  readonly wrongConfig: string
  /** The address of the api of a sidecar whose backends misbehave. */
  readonly api: string
  /** Holds the token of a caller who may do everything. */
  readonly tokenFile: string
  /** Holds what is no token. */
  readonly weakFile: string
  /** Where a new file may be written. */
  readonly newFile: string
}

type Invocations = (places: Places) => readonly Invocation[]

const helped = (name: string): Invocation => ({ args: [name, '--help'], code: 0 })

/** Every command; `run` and `demo` go on, and are looked at for longer by tests of their own. */
export const invocations: Readonly<Record<string, Invocations>> = {
  run: ({ wrongConfig }) => [helped('run'), { args: ['run', '--config', wrongConfig], code: 78 }],
  check: ({ config, wrongConfig }) => [
    helped('check'),
    { args: ['check', '--config', config], code: 0 },
    { args: ['check', '--config', config, '--connect'], code: 1 },
    { args: ['check', '--config', wrongConfig], code: 78 },
  ],
  get: ({ api, tokenFile, weakFile }) => [
    helped('get'),
    // What the backend says it does not have is no failure.
    ...asked(api, tokenFile, 'get', 'one', 69).map((it) =>
      it.args[1] === 'keys/one' ? { ...it, code: 1 } : it,
    ),
    {
      args: ['get', 'body/held', '--api', api, '--token-file', tokenFile],
      code: 0,
      prints: 'a value',
    },
    { args: ['get', 'keys/held', '--api', api, '--token-file', tokenFile], code: 1 },
    { args: ['get', 'body/held', '--field', 'no', '--api', api, '--token-file', tokenFile], code: 1 },
    { args: ['get', 'body/held', '--api', api], code: 77 },
    { args: ['get', 'body/held', '--api', api, '--token-file', weakFile], code: 77 },
    {
      args: ['get', 'body/held', '--api', api],
      env: { SIDEKEEP_API_TOKEN: tokenVariables.FEW_TOKEN },
      code: 77,
    },
    { args: ['get', 'body/held', '--api', 'http://127.0.0.1:1', '--token-file', tokenFile], code: 69 },
  ],
  list: ({ api, tokenFile }) => [
    helped('list'),
    { args: ['list', '--api', api, '--token-file', tokenFile], code: 0 },
    { args: ['list', '--json', '--api', api, '--token-file', tokenFile], code: 0 },
  ],
  explain: ({ api, tokenFile }) => [
    helped('explain'),
    ...asked(api, tokenFile, 'explain', 'held', 0),
    { args: ['explain', '--json', 'body/one', '--api', api, '--token-file', tokenFile], code: 0 },
  ],
  wait: ({ api }) => [helped('wait'), { args: ['wait', '--timeout', '300ms', '--api', api], code: 75 }],
  probe: ({ api }) => [
    helped('probe'),
    { args: ['probe', 'livez', '--api', api], code: 0 },
    { args: ['probe', '--api', api], code: 1 },
  ],
  quit: ({ api, weakFile }) => [
    helped('quit'),
    { args: ['quit', '--api', api, '--token-file', weakFile], code: 77 },
    { args: ['quit', '--api', 'http://127.0.0.1:1'], code: 69 },
  ],
  demo: () => [helped('demo'), { args: ['demo', '--port', 'x'], code: 78 }],
  token: ({ newFile, weakFile }) => [
    helped('token'),
    { args: ['token'], code: 0, prints: 'a token' },
    { args: ['token', '--file', newFile], code: 0 },
    { args: ['token', '--file', weakFile], code: 1 },
  ],
  schema: () => [helped('schema'), { args: ['schema'], code: 0 }],
  version: () => [helped('version'), { args: ['version'], code: 0 }],
}

/** The secret of each kind of backend. */
function asked(api: string, tokenFile: string, command: string, name: string, code: number): Invocation[] {
  return kinds.map((kind) => ({
    args: [command, `${kind}/${name}`, '--api', api, '--token-file', tokenFile],
    code,
  }))
}
