/** Numbers that keep their spelling: ECMAScript's "JSON.parse source text access", in Node since version 22. */
interface RawJson {
  readonly rawJSON: string
}

// TypeScript's library does not have these yet.
interface JSON {
  parse(
    text: string,
    reviver: (this: unknown, key: string, value: unknown, context: { readonly source?: string }) => unknown,
  ): unknown
  rawJSON(text: string): RawJson
  isRawJSON(value: unknown): value is RawJson
}
