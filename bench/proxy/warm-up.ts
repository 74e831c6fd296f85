/** Enough requests, on a few connections, that a process has compiled and allocated what it works with. */
export async function warmUp(url: string, path: string, requests = 4_000): Promise<void> {
  const lane = async (): Promise<void> => {
    for (let at = 0; at < requests / 8; at += 1) {
      const answer = await fetch(`${url}${path}`)
      await answer.arrayBuffer()
      if (!answer.ok) throw new Error(`${url}${path} answered ${answer.status}`)
    }
  }
  await Promise.all(Array.from({ length: 8 }, lane))
}
