/** Status and code of an answer that was read from a bare socket. */
export function outcome(answer: string): string {
  const status = /^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1]
  const code = /"code":"(\w+)"/.exec(answer)?.[1]
  return code === undefined ? String(status) : `${status} ${code}`
}
