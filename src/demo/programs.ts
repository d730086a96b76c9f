import { findProgram } from '../shared/find-program.ts'

/** Whether a program can be run, looked for as a shell would. */
export const hasProgram = (name: string): boolean => findProgram(name, process.env) !== undefined
