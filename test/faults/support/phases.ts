/** A fault in a scene of its own: it begins, it lasts, it ends. */
import type { Test } from 'tap'
import { type Mode, never, type SceneOptions } from './configuration.ts'
import { minute, type Row } from './row.ts'
import { createScene, type Scene } from './scene.ts'

/** What of a scene the row does not say. */
type Setting = Pick<SceneOptions, 'random' | 'hasAllOutputs'>

/** @throws where nothing came of it: then a test of its own has failed and says why */
export async function inScene<T>(
  t: Test,
  row: Row,
  mode: Mode,
  setting: Setting,
  run: (scene: Scene, t: Test) => Promise<T>,
): Promise<T> {
  const result = Promise.withResolvers<T>()
  const { random, hasAllOutputs } = setting
  const title = hasAllOutputs ? 'with all outputs' : `with jitter ${random()}`
  // A failure is one of this test: without the observation there is nothing to go on with.
  await t.test(title, async (t) => {
    const scene = await createScene(t, { mode, ...setting, ...row.scene?.(t) })
    result.resolve(await run(scene, t))
    for (const check of scene.checks) check(t)
  })
  result.reject(new Error('nothing could be observed: see the test before'))
  return await result.promise
}

export async function begin(scene: Scene, row: Row, t: Test): Promise<void> {
  // At the backend from now on, so that a list that was read before does not have it.
  if (!scene.backend.secrets.has(never)) scene.rotate(never, 1)
  await row.begin(scene, t)
  await scene.settled()
}

export async function lasts(scene: Scene, row: Row): Promise<void> {
  if (row.lasts === undefined) await scene.advance(10 * minute)
  else await row.lasts(scene)
}

export async function end(scene: Scene, row: Row): Promise<void> {
  if (row.end === undefined) scene.backend.handler = undefined
  else await row.end(scene)
}
