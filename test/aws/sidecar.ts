/** A real sidecar as a process: it serves what moto has over HTTP, and notices a rotation. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { type Moto, region } from './moto.ts'
import { check, cleaners, scratch } from './rig.ts'
import { roleArn as role } from './roles.ts'

/** Milliseconds for whatever a busy machine takes. */
const patience = 60_000

/** @param program the sources' or the bundle's, under which name it is counted */
export async function checkSidecar(moto: Moto, program: string, name: string): Promise<void> {
  await moto.createSecret(`${name}/db`, 'CANARY-served-1')
  await moto.createSecret(`${name}/api`, 'CANARY-served-api')
  await moto.putParameter(`/${name}/flag`, 'CANARY-flag-1')
  const config = {
    api: { listen: '127.0.0.1:0' },
    providers: {
      secrets: { type: 'aws-secrets-manager', region },
      parameters: { type: 'aws-parameter-store', region, path: `/${name}/` },
      theirs: { type: 'aws-secrets-manager', region, roleArn: role },
    },
    secrets: {
      'db-password': {
        provider: 'secrets',
        key: `${name}/db`,
        refresh: '1s',
        maxStale: '1h',
        required: true,
      },
      previous: { provider: 'secrets', key: `${name}/db?stage=AWSPREVIOUS`, refresh: '1s', maxStale: '1h' },
      'api-key': { provider: 'secrets', key: `${name}/api`, refresh: '1s', maxStale: '1h', required: true },
      'of-role': { provider: 'theirs', key: 'of-account', refresh: '1s', maxStale: '1h' },
      'flags/*': { provider: 'parameters', key: `/${name}/*`, refresh: '1s', maxStale: '1h' },
    },
    log: { format: 'json' },
  }
  const file = join(scratch, `${name}.yaml`)
  writeFileSync(file, JSON.stringify(config))
  const { PATH = '', AWS_ACCESS_KEY_ID = '', AWS_SECRET_ACCESS_KEY = '' } = process.env
  const env = {
    PATH,
    AWS_ACCESS_KEY_ID,
    AWS_SECRET_ACCESS_KEY,
    AWS_ENDPOINT_URL: moto.origin,
    AWS_EC2_METADATA_DISABLED: 'true',
  }
  const child = spawn(process.execPath, [program, 'run', '--config', file], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const gone = once(child, 'exit')
  cleaners.push(() => child.kill('SIGKILL'))
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  const ready = await until(() => output.includes('ready: all required secrets are held'))
  check(`${name}: it is ready`, ready, output)
  const api = /"api":"(http:[^"]+)"/.exec(output)?.[1] ?? ''
  const read = async (name: string): Promise<string> =>
    await (await fetch(`${api}/v1/secrets/${name}`, { headers: { 'x-sidekeep-request': 'true' } })).text()
  const serves = (name: string, text: string): Promise<boolean> =>
    until(async () => (await read(name)).includes(text))
  check(`${name}: it serves a secret over HTTP`, await serves('db-password', 'CANARY-served-1'), output)
  check(`${name}: and one that a pattern names`, await serves('flags/flag', 'CANARY-flag-1'), output)
  check(`${name}: and one of the account of a role`, await serves('of-role', 'CANARY-of-theirs'), output)
  await moto.putSecret(`${name}/db`, 'CANARY-served-2')
  await moto.putParameter(`/${name}/flag`, 'CANARY-flag-2')
  check(`${name}: it notices a rotation`, await serves('db-password', 'CANARY-served-2'), output)
  check(`${name}: the version before is AWSPREVIOUS`, await serves('previous', 'CANARY-served-1'), output)
  check(
    `${name}: it notices another version of a parameter`,
    await serves('flags/flag', 'CANARY-flag-2'),
    output,
  )
  check(`${name}: the other secret stays`, (await read('api-key')).includes('CANARY-served-api'))
  child.kill('SIGTERM')
  const [code] = await gone
  check(`${name}: it stops in good order`, code === 0, `${code} ${output}`)
  check(`${name}: nothing that it wrote carries a value`, !output.includes('CANARY'), output)
}

async function until(isSo: () => boolean | Promise<boolean>): Promise<boolean> {
  const end = performance.now() + patience
  while (!(await isSo())) {
    if (performance.now() > end) return false
    await pause(50)
  }
  return true
}
