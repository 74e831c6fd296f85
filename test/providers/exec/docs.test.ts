import { readFile } from 'node:fs/promises'
import t from 'tap'
import { parse } from '../../config/helpers.ts'

t.test('the examples of the documentation are configurations that nothing is to be said of', async (t) => {
  const text = await readFile(new URL('../../../docs/providers/exec.md', import.meta.url), 'utf8')
  const examples = [...text.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, yaml = '']) => yaml)
  const whole = examples.filter((yaml) => yaml.startsWith('# sidekeep.yaml'))
  t.equal(whole.length, 3)
  for (const yaml of whole) t.strictSame((await parse(yaml)).warnings, [])
  const [part = '', ...more] = examples.filter((yaml) => !whole.includes(yaml))
  t.strictSame(more, [])
  t.ok(await parse(`providers:\n  p:\n    type: exec\n${part}secrets:\n  a: { provider: p }\n`))
})
