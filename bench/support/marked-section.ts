import { readFileSync, writeFileSync } from 'node:fs'

/**
 * Puts a text between `<!-- begin: NAME -->` and `<!-- end: NAME -->` of a page, in place of what was there.
 *
 * @throws where the page has no such marks
 */
export function writeSection(page: URL, name: string, text: string): void {
  writeFileSync(page, withSection(readFileSync(page, 'utf8'), name, text))
}

export function withSection(page: string, name: string, text: string): string {
  const marks = [`<!-- begin: ${name} -->`, `<!-- end: ${name} -->`] as const
  const from = page.indexOf(marks[0])
  const until = page.indexOf(marks[1])
  if (from < 0 || until < from) throw new Error(`the page has no ${marks[0]} followed by ${marks[1]}`)
  return `${page.slice(0, from)}${marks[0]}\n\n${text}\n\n${page.slice(until)}`
}
