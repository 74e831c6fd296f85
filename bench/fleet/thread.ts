/** The thread of one simulation: runs the scenario that it was given and hands back what was counted. */
import { parentPort, workerData } from 'node:worker_threads'
import type { Scenario } from './scenario.ts'
import { simulate } from './simulate.ts'

// Millions of errors are made during an outage; nobody reads where.
Error.stackTraceLimit = 0
parentPort?.postMessage(await simulate(workerData as Scenario))
