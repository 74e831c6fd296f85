import type { Form } from '../secrets/rendition.ts'

/** How well one range of Accept fits a form. */
interface Fit {
  /** 0 to 1. */
  quality: number
  /** The more of the type the range names, the more it says about it (RFC 9110, section 12.5.1). */
  specificity: number
}

/** The types under which each form is asked for. */
const types: Readonly<Record<Form, readonly string[]>> = {
  json: ['application/json'],
  raw: ['text/plain', 'application/octet-stream'],
}

/**
 * The form that an Accept header prefers (RFC 9110, section 12.5.1). Where two are preferred alike, the one that is
 * named wins over one that only a wildcard allows, and then JSON. A header that allows neither gets JSON rather than
 * 406: what a caller cannot read, it will notice by itself.
 */
export function negotiate(accept: string | undefined): Form {
  // What nearly all callers send.
  if (accept === undefined || accept === '*/*' || accept === 'application/json') return 'json'
  if (accept === 'text/plain' || accept === 'application/octet-stream') return 'raw'
  const json = bestFit(accept, 'json')
  const raw = bestFit(accept, 'raw')
  if (raw.quality !== json.quality) return raw.quality > json.quality ? 'raw' : 'json'
  return raw.quality > 0 && raw.specificity > json.specificity ? 'raw' : 'json'
}

function bestFit(accept: string, form: Form): Fit {
  let best: Fit = { quality: 0, specificity: -1 }
  for (const type of types[form]) {
    const fit = fitOf(accept, type)
    if (fit.quality > best.quality || (fit.quality === best.quality && fit.specificity > best.specificity))
      best = fit
  }
  return best
}

/** The quality of one type is that of the most specific range that covers it. */
function fitOf(accept: string, type: string): Fit {
  const fit: Fit = { quality: 0, specificity: -1 }
  for (const range of accept.split(',')) {
    const [name = '', ...parameters] = range.split(';')
    const specificity = coverage(name.trim().toLowerCase(), type)
    if (specificity <= fit.specificity) continue
    fit.specificity = specificity
    fit.quality = qualityOf(parameters)
  }
  return fit
}

/** -1: does not cover; 0: everything; 1: the main type; 2: the very type. */
function coverage(range: string, type: string): number {
  if (range === type) return 2
  if (range === '*/*') return 0
  return range.endsWith('/*') && type.startsWith(range.slice(0, -1)) ? 1 : -1
}

const weight = /^\s*q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*$/i

function qualityOf(parameters: readonly string[]): number {
  for (const parameter of parameters) {
    const quality = weight.exec(parameter)?.[1]
    if (quality !== undefined) return Number(quality)
  }
  return 1
}
