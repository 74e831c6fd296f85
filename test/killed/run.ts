/**
 * Publishes a new file and a new folder in the place of old ones, to be killed meanwhile: `FILE FOLDER GROUP`. All that it
 * does to files it does on one thread (UV_THREADPOOL_SIZE=1), whose system calls strace counts.
 */
import { open, rmdir } from 'node:fs/promises'
import { publish } from '../../src/files/writer/publish.ts'
import { begin, fresh, ownershipOf, warmUps } from './contents.ts'

const [file = '', folder = '', group = ''] = process.argv.slice(2)
const ownership = ownershipOf(group)

// strace counts each thread's calls by their kind: the thread has to be ahead of the main one, which counts its own while
// Node starts, and would be killed in its place.
for (let time = 0; time < warmUps; time += 1) await (await open('/dev/null')).close()
await rmdir(begin).catch(() => {})
await publish(file, fresh.file, ownership)
await publish(folder, fresh.folder, ownership)
