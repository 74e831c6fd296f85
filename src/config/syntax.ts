import type { ErrorCode } from 'yaml'

/** The library's own messages quote the file, which may hold a credential: these say the same without. */
const texts: Partial<Record<ErrorCode, string>> = {
  ALIAS_PROPS: 'an alias without anchor or tag',
  BAD_ALIAS:
    'an alias (*name) of an anchor (&name) that stands before it; a value that begins with * needs quotes',
  BAD_COLLECTION_TYPE: 'no tag here',
  BAD_DIRECTIVE: 'no directive (%…) here, or a known one',
  BAD_DQ_ESCAPE: 'a known escape after the backslash in double quotes (single quotes take it as it is)',
  BAD_INDENT: 'a line that is indented like its neighbours',
  BAD_PROP_ORDER: 'anchor and tag before the value',
  BAD_SCALAR_START: 'quotes around a value that begins with this character',
  BLOCK_AS_IMPLICIT_KEY: 'a mapping on lines of its own: "key: value" cannot stand within a line of another',
  BLOCK_IN_FLOW: 'no lines of "- item" or "key:" within brackets',
  KEY_OVER_1024_CHARS: 'a key of at most 1024 characters',
  MISSING_CHAR:
    'a missing character before this place: a closing quote or bracket, a comma, a colon, or a space after one',
  MULTILINE_IMPLICIT_KEY: 'a key on one line (is a colon missing?)',
  MULTIPLE_ANCHORS: 'one anchor at most',
  MULTIPLE_DOCS: 'one document in the file: nothing after a line of ---',
  MULTIPLE_TAGS: 'one tag at most',
  RESOURCE_EXHAUSTION: 'fewer levels of nesting',
  TAB_AS_INDENT: 'spaces instead of tabs as indentation',
  TAG_RESOLVE_FAILED: 'no tag (!…): values have the types of YAML itself',
  UNEXPECTED_TOKEN: `something else here: check quotes, brackets, colons and indentation (within brackets, "\${NAME}" needs quotes)`,
}

export function syntaxText(code: ErrorCode): string {
  return `valid YAML: ${texts[code] ?? 'this cannot be read'}`
}
