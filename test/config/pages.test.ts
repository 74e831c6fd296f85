import { readFileSync } from 'node:fs'
import t from 'tap'
import { parse } from './helpers.ts'

for (const page of ['fallback', 'composed-secrets', 'files', 'migration']) {
  t.test(`the examples of docs/${page}.md are valid`, async (t) => {
    const text = readFileSync(new URL(`../../docs/${page}.md`, import.meta.url), 'utf8')
    const blocks = [...text.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, example = '']) => example)
    // Others are parts of pods.
    const examples = blocks.filter((block) => /^(?:providers|secrets):/m.test(block))
    t.ok(examples.length >= 1)
    for (const example of examples) {
      const { warnings } = await parse(example)
      const unexpected = warnings.filter((warning) => !warning.includes('.token, which does not exist'))
      t.strictSame(unexpected, [], example)
    }
  })
}
