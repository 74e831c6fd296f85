import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Metafile } from 'esbuild'

export interface Licence {
  readonly name: string
  readonly version: string
  /** An SPDX expression, as the package states it. */
  readonly spdx: string
  readonly text: string
}

/** Licences that ask for no more than that their text comes along. */
const permissive = new Set([
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'ISC',
  'MIT',
])

/**
 * The licences of the packages that have bytes in the bundle, sorted by name.
 * @throws where a licence is not permissive, or where its text cannot be found: neither may be shipped
 */
export function licencesOf(root: string, metafile: Metafile): Licence[] {
  const folders = new Set<string>()
  for (const output of Object.values(metafile.outputs)) {
    for (const [file, { bytesInOutput }] of Object.entries(output.inputs)) {
      const folder = bytesInOutput > 0 ? packageFolder(file) : undefined
      if (folder !== undefined) folders.add(folder)
    }
  }
  const found = new Map<string, Licence>()
  for (const folder of folders) {
    const licence = readLicence(root, join(root, folder))
    found.set(`${licence.name}@${licence.version}`, licence)
  }
  return [...found.values()].sort((a, b) => compare(a.name, b.name) || compare(a.version, b.version))
}

/** Where the package of a bundled file lives; undefined for our own files. */
function packageFolder(file: string): string | undefined {
  return /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0]
}

function readLicence(root: string, folder: string): Licence {
  const {
    name,
    version,
    license: spdx,
    author,
  } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  if (typeof spdx !== 'string' || !isPermissive(spdx)) {
    throw new Error(
      `${name}@${version} is bundled, and its licence (${JSON.stringify(spdx)}) is not among ${[...permissive].join(', ')}.`,
    )
  }
  const file = readdirSync(folder)
    .filter((entry) => /^(licen[cs]e|copying)([.-]|$)/i.test(entry))
    .sort()[0]
  if (file === undefined) {
    // The text of the Apache License names nobody: it is that of this program's own.
    if (spdx === 'Apache-2.0') return { name, version, spdx, text: textOf(join(root, 'LICENSE')) }
    if (spdx !== 'MIT') throw new Error(`${name}@${version} is bundled and brings no licence text.`)
    return { name, version, spdx, text: mitText(holderOf(author) ?? `the authors of ${name}`) }
  }
  return { name, version, spdx, text: textOf(join(folder, file)) }
}

function textOf(file: string): string {
  return readFileSync(file, 'utf8').replaceAll('\r\n', '\n').trim()
}

/** `package.json` names an author as one string or as an object. */
function holderOf(author: unknown): string | undefined {
  if (typeof author === 'string') return author
  if (typeof author === 'object' && author !== null && 'name' in author) return String(author.name)
  return undefined
}

/** For packages that state MIT and leave the text to the reader. */
function mitText(holder: string): string {
  return `Copyright (c) ${holder}

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`
}

/** `A OR B` needs one of them, `A AND B` both; nested expressions are refused. */
function isPermissive(spdx: string): boolean {
  const parts = spdx.replace(/^\((.*)\)$/, '$1')
  const operator = parts.includes(' OR ') ? ' OR ' : ' AND '
  const verdicts = parts.split(operator).map((id) => permissive.has(id))
  return operator === ' OR ' ? verdicts.some(Boolean) : verdicts.every(Boolean)
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** A text for people: the packages, and each licence once, under the names of those that have it. */
export function renderLicences(licences: readonly Licence[]): string {
  const rule = '-'.repeat(80)
  const head = `This program contains the following packages.\n\n${licences
    .map(({ name, version, spdx }) => `  ${name} ${version} (${spdx})`)
    .join('\n')}\n`
  // Dozens of packages of one maker have one text.
  const byText = Map.groupBy(licences, ({ text }) => text)
  const bodies = [...byText].map(([text, those]) => {
    const whose = those.map(({ name, version, spdx }) => `${name} ${version}\n${spdx}`).join('\n')
    return `${rule}\n${whose}\n${rule}\n\n${text}\n`
  })
  return [head, ...bodies].join('\n')
}
