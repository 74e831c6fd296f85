import { readFileSync } from 'node:fs'
import t from 'tap'
import { parse } from './helpers.ts'

for (const page of ['fallback', 'composed-secrets']) {
  t.test(`the examples of docs/${page}.md are valid`, async (t) => {
    const text = readFileSync(new URL(`../../docs/${page}.md`, import.meta.url), 'utf8')
    const examples = [...text.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, example = '']) => example)
    t.ok(examples.length >= 1)
    for (const example of examples) t.strictSame((await parse(example)).warnings, [], example)
  })
}
