/**
 * Why connections of the API were cut. `room`: all places were taken and a newcomer needed one; `slow_reader`: an answer
 * was not read in time, or too much of such waited in memory.
 */
export type CutReason = 'room' | 'slow_reader'

export const cutReasons: readonly CutReason[] = ['room', 'slow_reader']
