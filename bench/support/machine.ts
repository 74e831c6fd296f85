import { cpus, release, totalmem, type } from 'node:os'

/** One sentence on where figures come from. */
export function machine(load: string): string {
  const [cpu] = cpus()
  const memory = Math.round(totalmem() / 2 ** 30)
  return `${cpus().length} × ${cpu?.model.trim()}, ${memory} GiB, ${type()} ${release()}, Node ${process.version}, load by ${load}, client and server on the same machine.`
}
