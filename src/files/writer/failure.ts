import { WriteError, type WriteFailure } from '../content.ts'

/** The system's code of an error: `ENOSPC`, say. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined
}

/** New content is published already, and something after that failed: names may be missing, or dangle. */
export class Unfinished extends Error {
  constructor(cause: unknown) {
    super('what followed the publication failed', { cause })
    this.name = 'Unfinished'
  }
}

/** The path is not fit for what is to lie there, as was seen before anything was written. */
export class Misplaced extends Error {
  readonly remedy: string

  constructor(what: string, remedy: string) {
    super(what)
    this.name = 'Misplaced'
    this.remedy = remedy
  }
}

/** What rename(2) would say of a mount point, for who sees it before. */
export function mountPoint(): Misplaced {
  return new Misplaced('it is a mount point', wholeVolume)
}

/** What is told to whoever runs the sidecar, for each code that the system is known to answer with. */
interface Explained {
  readonly reason: WriteFailure
  readonly what: string
  readonly remedy: string
}

const elsewhere = 'Remove it, or choose another path.'
const room =
  'Make room, or give the volume more: a larger sizeLimit for an emptyDir; with medium: Memory it counts against the memory limit, too.'
const writable =
  "Let the sidecar's user write to the folder: fsGroup in the pod's securityContext, or a runAsUser that the folder belongs to."
/** What rename(2) needs. */
const wholeVolume = 'Mount the volume at its folder and not at the file (no subPath).'
const mounted = 'Mount a volume there (an emptyDir with medium: Memory), or create the folder.'

const table: Readonly<Record<string, Explained>> = {
  ENOSPC: { reason: 'full', what: 'the disk is full', remedy: room },
  EDQUOT: { reason: 'full', what: 'the quota of the disk is used up', remedy: room },
  EFBIG: { reason: 'full', what: 'it is larger than files may be', remedy: room },
  EACCES: { reason: 'denied', what: 'the sidecar may not', remedy: writable },
  EPERM: { reason: 'denied', what: 'the sidecar may not', remedy: writable },
  EROFS: {
    reason: 'place',
    what: 'the file system is read-only',
    remedy:
      'Mount the volume into the sidecar without readOnly; where its root file system is read-only, mount a volume at the folder (an emptyDir with medium: Memory).',
  },
  ENOENT: { reason: 'place', what: 'the folder that it is to lie in does not exist', remedy: mounted },
  ENOTDIR: { reason: 'place', what: 'a part of its path is no folder, or a link', remedy: elsewhere },
  EISDIR: { reason: 'place', what: 'a folder lies there', remedy: elsewhere },
  EEXIST: { reason: 'place', what: 'something else lies there', remedy: elsewhere },
  ENOTEMPTY: { reason: 'place', what: 'a folder lies there', remedy: elsewhere },
  ELOOP: { reason: 'place', what: 'links on its path lead round in a circle', remedy: elsewhere },
  ENAMETOOLONG: {
    reason: 'place',
    what: 'its path, or a name in it, is too long',
    remedy: 'Choose shorter names.',
  },
  EBUSY: {
    reason: 'place',
    what: 'it is a mount point',
    remedy: wholeVolume,
  },
  EXDEV: {
    reason: 'place',
    what: 'it lies on another volume than its folder',
    remedy: wholeVolume,
  },
  EMFILE: {
    reason: 'io',
    what: 'the process has too many files open',
    remedy: 'Raise its limit of open files (ulimit -n).',
  },
  ENFILE: {
    reason: 'io',
    what: 'the node has too many files open',
    remedy: "Raise the node's limit (fs.file-max).",
  },
  ENOMEM: { reason: 'io', what: 'there is no memory left', remedy: "Raise the container's memory limit." },
  EIO: {
    reason: 'io',
    what: 'the disk reports an error',
    remedy: 'Look at the disk, or choose another volume.',
  },
}

const refusedOwner: Explained = {
  reason: 'denied',
  what: 'the sidecar may not give it that owner or group',
  remedy:
    'Let the sidecar be a member of the group (supplementalGroups or fsGroup), or leave `group` and `owner` away; only root may give files to another owner.',
}

/** What went wrong with a path, in words. An error that is not the system's is a mistake of ours, and stays as it is. */
export function inWords(path: string, deed: 'write' | 'remove', error: unknown): unknown {
  if (error instanceof WriteError) return error
  if (error instanceof Misplaced) {
    return new WriteError('place', `cannot ${deed} ${path}: ${error.message}`, error.remedy)
  }
  const isUnfinished = error instanceof Unfinished
  const cause = isUnfinished ? error.cause : error
  const code = codeOf(cause)
  if (code === undefined) return cause
  const { reason, what, remedy } = explained(code, cause)
  const opening = isUnfinished ? `wrote ${path}, but not all of its names` : `cannot ${deed} ${path}`
  return new WriteError(reason, `${opening}: ${what} (${code})`, remedy, { cause })
}

function explained(code: string, error: unknown): Explained {
  const call = error instanceof Error && 'syscall' in error ? error.syscall : undefined
  if (call === 'fchown' && (code === 'EPERM' || code === 'EINVAL')) return refusedOwner
  return table[code] ?? { reason: 'io', what: 'the system refused', remedy: 'Check the path and its volume.' }
}
