import { FILE_CHANGES } from './programs-changes.ts'
import { HARMLESS } from './programs-harmless.ts'
import { FILE_READERS } from './programs-reading.ts'
import { LISTINGS } from './programs-listing.ts'
import type { Program, ProgramEffect } from './program.ts'
import { readProgram } from './program.ts'
import type { Word } from './options.ts'
import type { Place } from './paths.ts'

/** What a program of the system is known to do, by its name without a directory. */
export function effectOf(program: string, words: readonly Word[], place: Place): ProgramEffect {
  const known = PROGRAMS.get(program)
  if (known !== undefined) return readProgram(program, known, words, place)
  return { reads: [], writes: [], opaque: `${program} is not a program the gateway can analyse` }
}

/** Whether there is a table for it, wherever it is found. */
export const isKnownProgram = (program: string): boolean => PROGRAMS.has(program)

const PROGRAMS: ReadonlyMap<string, Program> = new Map(
  [HARMLESS, FILE_READERS, LISTINGS, FILE_CHANGES].flatMap((programs) =>
    Object.entries(programs).flatMap(([names, program]) =>
      names.split(' ').map((name): [string, Program] => [name, program]),
    ),
  ),
)

/** The program's name where it is one of the system's; undefined where it is a file of somebody's. */
export function plainName(name: string): string | undefined {
  if (!name.includes('/')) return name
  return /^\/(usr\/)?(local\/)?s?bin\/([^/]+)$/.exec(name)?.[3]
}
