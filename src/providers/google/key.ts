/** What a key of this provider names, as far as the key itself says it. */
export interface Key {
  /** ID or number; undefined for the provider's own. */
  readonly project: string | undefined
  /** Undefined for the provider's own, or none. */
  readonly location: string | undefined
  readonly secret: string
  /** A number, an alias or `latest`. */
  readonly version: string
}

/** Whose secret it is. */
export interface Parent {
  readonly project: string
  readonly location: string | undefined
}

const project = '(?:[a-z][a-z0-9.-]{0,62}:)?[a-z][a-z0-9-]{4,28}[a-z0-9]|[0-9]{1,19}'
const location = '[a-z][a-z0-9-]{0,62}'
/** `projects.secrets.create`, secretId. */
const secret = '[A-Za-z0-9_-]{1,255}'
/** A number of a version, or an alias (`Secret.version_aliases`); `latest` has the form of one. */
const version = '[1-9][0-9]{0,18}|[A-Za-z][A-Za-z0-9_-]{0,62}'

const parentForm = `projects/(?<project>${project})(?:/locations/(?<location>${location}))?/`

const keyForm = new RegExp(
  `^(?:${parentForm}secrets/)?(?<secret>${secret})(?:/versions/(?<version>${version}))?$`,
)

const listedForm = new RegExp(`^${parentForm}secrets/(?<secret>${secret})$`)

const versionForm = new RegExp(
  `^${parentForm}secrets/(?<secret>${secret})/versions/(?<version>[1-9][0-9]{0,18})$`,
)

const patternForm = new RegExp(`^(?:${parentForm}secrets/)?(?<secret>[A-Za-z0-9_*-]{1,256})$`)

/**
 * A key as the configuration or a caller writes it: `SECRET`, `SECRET/versions/VERSION`, either with
 * `projects/PROJECT/secrets/` or `projects/PROJECT/locations/LOCATION/secrets/` before it. Undefined for what Secret
 * Manager cannot have: nothing else ever becomes a part of a path.
 */
export function parseKey(key: string): Key | undefined {
  const parts = keyForm.exec(key)?.groups
  if (parts === undefined) return undefined
  return {
    project: parts.project,
    location: parts.location,
    secret: parts.secret ?? '',
    version: parts.version ?? 'latest',
  }
}

/** The name of a version in an answer: which secret it is of, and its number. */
export function parseVersionName(name: string): { secret: string; version: string } | undefined {
  const parts = versionForm.exec(name)?.groups
  return parts === undefined ? undefined : { secret: parts.secret ?? '', version: parts.version ?? '' }
}

/** The ID of a secret by its name in a list. */
export function parseListedName(name: string): string | undefined {
  return listedForm.exec(name)?.groups?.secret
}

/** What a pattern wants listed. */
export interface Pattern {
  readonly project: string | undefined
  readonly location: string | undefined
  /** What the IDs of secrets begin and end with. */
  readonly prefix: string
  readonly suffix: string
  /** What its keys begin with, before the ID. */
  readonly before: string
}

/** A key with one `*` in the ID of the secret; undefined where the `*` is elsewhere, and nothing could be listed. */
export function parsePattern(pattern: string): Pattern | undefined {
  const parts = patternForm.exec(pattern)?.groups
  const id = parts?.secret ?? ''
  const [prefix = '', suffix, ...more] = id.split('*')
  if (parts === undefined || suffix === undefined || more.length > 0) return undefined
  return {
    project: parts.project,
    location: parts.location,
    prefix,
    suffix,
    before: pattern.slice(0, pattern.length - id.length),
  }
}

/** `projects/PROJECT` or `projects/PROJECT/locations/LOCATION`. */
export function parentName({ project, location }: Parent): string {
  return location === undefined ? `projects/${project}` : `projects/${project}/locations/${location}`
}

/** Whether it is an ID or a number of a project: what comes from files and servers is not known to be. */
export function isProject(text: unknown): text is string {
  return typeof text === 'string' && new RegExp(`^(?:${project})$`).test(text)
}
