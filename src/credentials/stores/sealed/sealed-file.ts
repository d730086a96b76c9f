import { closeSync, openSync, readFileSync, rmSync, statSync } from 'node:fs'
import { z } from 'zod'
import { PamError } from '../../../shared/errors.ts'
import { errorCode, fileProblem } from '../../../shared/file-problem.ts'
import { replaceFile } from '../../../shared/replace-file.ts'
import { SEALED_NAME } from '../../store-reference.ts'
import { StoreFailure } from '../store.ts'

const base64 = z.string().regex(/^[A-Za-z0-9+/]+={0,2}$/)
const changed = { version: z.int().positive(), changedAt: z.iso.datetime(), by: z.string().max(200) }

/** A secret as it is kept; one that was removed leaves its version, which does not come again. */
const entrySchema = z.union([
  z.strictObject({
    ...changed,
    /** Which master key the data key is wrapped under. */
    master: z.string().max(200),
    dataKey: z.string().max(4096),
    text: base64,
  }),
  z.strictObject({ ...changed, removed: z.literal(true) }),
])

const fileSchema = z.strictObject({
  format: z.literal(1),
  secrets: z.record(z.string().regex(SEALED_NAME), entrySchema),
})

export type SealedEntry = z.output<typeof entrySchema>
export type SealedSecret = Exclude<SealedEntry, { readonly removed: true }>
export type SealedSecrets = Readonly<Record<string, SealedEntry>>

/** The secrets that a file keeps; none where it does not exist. Throws StoreFailure. */
export function readSealed(file: string): SealedSecrets {
  let text: string
  try {
    if (process.platform !== 'win32' && (statSync(file).mode & 0o077) !== 0)
      throw new StoreFailure('store', `is in a file that others may use: chmod 600 ${file}`)
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if (error instanceof StoreFailure) throw error
    if (errorCode(error) === 'ENOENT') return {}
    throw new StoreFailure('store', fileProblem(file, error))
  }
  try {
    return fileSchema.parse(JSON.parse(text)).secrets
  } catch {
    throw new StoreFailure('store', `is in a file that is damaged: ${file}`)
  }
}

/** Changes the file as a whole, or leaves it as it is; one change at a time. */
export async function changeSealed(
  file: string,
  change: (secrets: SealedSecrets) => Promise<SealedSecrets>,
): Promise<void> {
  const unlock = lock(`${file}.lock`)
  try {
    const secrets = await change(readSealed(file))
    replaceFile(file, `${JSON.stringify({ format: 1, secrets }, null, 2)}\n`)
  } finally {
    unlock()
  }
}

/** The version of the next change: later than the last one, also where the file was lost. */
export const nextVersion = (before: SealedEntry | undefined, now: number): number =>
  Math.max((before?.version ?? 0) + 1, now)

function lock(file: string): () => void {
  try {
    closeSync(openSync(file, 'wx', 0o600))
    return () => rmSync(file, { force: true })
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw new PamError('USAGE', fileProblem(file, error, 'written'))
    throw new PamError('USAGE', `another pam-gateway secret command is changing the secrets`, {
      hint: `wait for it to finish; if none is running, one was stopped halfway: remove ${file}`,
    })
  }
}
