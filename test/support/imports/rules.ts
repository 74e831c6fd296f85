import { isBuiltin } from 'node:module'
import type { Edge } from './graph.ts'

/**
 * The import rules of `docs/architecture.md`, each as the sentence that a violation is shown with and the edges that
 * break it. What an import takes, a value or only a type, makes no difference but where a rule says so: to know a type
 * is to know the room that it lives in.
 */
interface Rule {
  readonly says: string
  readonly isBrokenBy: (edge: Edge) => boolean
}

/** A folder of src/ is a room; so is each file that lies in src/ itself. */
export function roomOf(file: string): string {
  return file.split('/')[0] ?? file
}

/** `providers/http/list.ts` and `providers/http.ts` both belong to the provider `http`. */
function providerOf(file: string): string {
  return (file.split('/')[1] ?? '').replace(/\.ts$/, '')
}

/** Rooms that serve what the cache holds: they know neither where it comes from nor each other. */
const servers = new Set(['api', 'proxy', 'files'])

/** What the rooms that serve may know besides their own files, and besides the small files of src/ that all share. */
const knownToServers = new Set(['secrets', 'config', 'observability', 'access', 'limits', 'programs'])

/** What says who asks knows of secrets only how their names are written. */
const knownToAccess = new Set([
  'secrets/glob.ts',
  'secrets/clock.ts',
  'config/source.ts',
  'config/token-strength.ts',
  'errors.ts',
  'file-watch.ts',
])

/** What opens sockets, and serves TLS on them, does not know what is served. */
const knownToOpeners = new Set(['config/listen.ts', 'errors.ts', 'file-watch.ts', 'secrets/clock.ts'])

/** Files of src/ itself that know the rooms, where the others are known by them. */
const composition = new Set(['sidecar.ts', 'main.ts'])

function isShared(room: string): boolean {
  return room.endsWith('.ts') && !composition.has(room)
}

/** Rooms that nobody but the composition root puts together. */
const parts = new Set(['api', 'proxy', 'files', 'providers'])

const knownToProviders = new Set([
  'secrets/provider.ts',
  'secrets/secret.ts',
  'config/source.ts',
  'errors.ts',
])

/** Who runs programs: the provider that they print secrets for, and the files, whose changes they are told of. */
function runsPrograms(from: string): boolean {
  return from.startsWith('providers/exec/') || from.startsWith('files/notify/')
}

/** Leaves the rule to edges from one room of ours into another. */
function betweenRooms(
  check: (from: string, to: string, edge: Edge, file: string) => boolean,
): Rule['isBrokenBy'] {
  return (edge) => {
    if (edge.file === undefined) return false
    const from = roomOf(edge.from)
    const to = roomOf(edge.file)
    return from !== to && check(from, to, edge, edge.file)
  }
}

export const rules: readonly Rule[] = [
  {
    says: 'secrets/ imports nothing of ours but errors.ts and config/quantities.ts',
    isBrokenBy: betweenRooms(
      (from, _to, _edge, file) =>
        from === 'secrets' && file !== 'errors.ts' && file !== 'config/quantities.ts',
    ),
  },
  {
    says: 'providers/ imports of ours only secrets/provider.ts, secrets/secret.ts, config/source.ts, errors.ts, programs/ and types of config/',
    isBrokenBy: betweenRooms(
      (from, to, edge, file) =>
        from === 'providers' &&
        !knownToProviders.has(file) &&
        to !== 'programs' &&
        !(to === 'config' && edge.typeOnly),
    ),
  },
  {
    says: 'a provider imports no other provider; what they share lies in providers/shared/',
    isBrokenBy: ({ from, file }) =>
      file !== undefined &&
      roomOf(from) === 'providers' &&
      roomOf(file) === 'providers' &&
      from !== 'providers/registry.ts' &&
      providerOf(file) !== 'shared' &&
      providerOf(from) !== providerOf(file),
  },
  {
    says: 'providers/registry.ts loads providers, and whatever else is not Node or ours, by dynamic import only',
    isBrokenBy: ({ from, form, typeOnly, file, pkg }) =>
      from === 'providers/registry.ts' &&
      form !== 'dynamic' &&
      !typeOnly &&
      (pkg !== undefined ||
        (file !== undefined && roomOf(file) === 'providers' && providerOf(file) !== 'shared')),
  },
  {
    says: 'api/, proxy/ and files/ read the cache: they import no provider and not each other, only secrets/, access/, config/, limits/, observability/, programs/ and the shared files of src/',
    isBrokenBy: betweenRooms((from, to) => servers.has(from) && !knownToServers.has(to) && !isShared(to)),
  },
  {
    says: 'access/ knows how names and tokens are written, not what is held, nor who serves it: it imports of ours only secrets/glob.ts, secrets/clock.ts, config/source.ts, config/token-strength.ts, errors.ts, file-watch.ts and types of config/',
    isBrokenBy: betweenRooms(
      (from, to, edge, file) =>
        from === 'access' && !knownToAccess.has(file) && !(to === 'config' && edge.typeOnly),
    ),
  },
  {
    says: 'listener/ opens what it is given, tls/ reads certificates: of ours they import only config/listen.ts, errors.ts, file-watch.ts and secrets/clock.ts',
    isBrokenBy: betweenRooms(
      (from, _to, _edge, file) => (from === 'listener' || from === 'tls') && !knownToOpeners.has(file),
    ),
  },
  {
    says: 'limits/ is arithmetic: it imports nothing of ours',
    isBrokenBy: betweenRooms((from) => from === 'limits'),
  },
  {
    says: 'programs/ runs what it is given: of ours it imports only secrets/clock.ts',
    isBrokenBy: betweenRooms((from, _to, _edge, file) => from === 'programs' && file !== 'secrets/clock.ts'),
  },
  {
    says: 'programs are run by providers/exec/ and files/notify/ alone: who serves requests starts no process',
    isBrokenBy: betweenRooms((_from, to, edge) => to === 'programs' && !runsPrograms(edge.from)),
  },
  {
    says: 'audit/ imports of ours only errors.ts and types of config/ and secrets/',
    isBrokenBy: betweenRooms(
      (from, to, edge) =>
        from === 'audit' && to !== 'errors.ts' && !(edge.typeOnly && (to === 'config' || to === 'secrets')),
    ),
  },
  {
    says: 'only sidecar.ts knows all parts: nothing else imports from api/, proxy/, files/ or providers/',
    isBrokenBy: betweenRooms((from, to) => parts.has(to) && from !== 'sidecar.ts'),
  },
  {
    says: 'of providers/ the rest of the program sees providers/registry.ts alone',
    isBrokenBy: betweenRooms(
      (_from, to, _edge, file) => to === 'providers' && file !== 'providers/registry.ts',
    ),
  },
  {
    says: 'only commands/ imports sidecar.ts',
    isBrokenBy: betweenRooms((from, to) => to === 'sidecar.ts' && from !== 'commands'),
  },
  {
    says: 'only main.ts imports commands/, and nothing imports main.ts',
    isBrokenBy: betweenRooms((from, to) => (to === 'commands' && from !== 'main.ts') || to === 'main.ts'),
  },
  {
    says: 'a part of Node is imported with its node: prefix',
    isBrokenBy: ({ specifier }) => isBuiltin(specifier) && !specifier.startsWith('node:'),
  },
  {
    says: 'sources are ES modules: no require',
    isBrokenBy: ({ form }) => form === 'require',
  },
  {
    says: 'a dynamic import names its module literally, so that the bundle holds it and these rules see it',
    isBrokenBy: ({ specifier }) => specifier === '?',
  },
  {
    says: 'files of ours are imported by a relative path with its extension',
    isBrokenBy: ({ file }) => file !== undefined && !/\.(ts|json)$/.test(file),
  },
]

/** One line for each violation: the file and line, the import, the rule. */
export function violationsOf(edges: readonly Edge[]): string[] {
  return edges.flatMap((edge) =>
    rules
      .filter((rule) => rule.isBrokenBy(edge))
      .map((rule) => `src/${edge.from}:${edge.line} imports ${edge.specifier}, but ${rule.says}`),
  )
}
