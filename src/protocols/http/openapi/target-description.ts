import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { isUtf8 } from 'node:buffer'
import { PamError } from '../../../shared/errors.ts'
import { fileProblem } from '../../../shared/file-problem.ts'
import { didYouMean } from '../../../shared/nearest-word.ts'
import { documentReader, type DocumentRequest } from './document-reader.ts'
import { prepareDocuments, preparedOf } from './prepared-descriptions.ts'
import { readDocument } from './read-document.ts'
import type { ServiceDescription } from './service-description.ts'

/** What of a target's configuration is about its description. */
export interface DescribedTarget {
  readonly name: string
  readonly openapi?: string | undefined
  readonly basePath?: string | undefined
  readonly unsafeOperations: readonly string[]
  readonly encodedSlashes?: boolean
}

/**
 * The description of a target, from the file that its configuration names; undefined where it names none. It is read once for each time that the configuration is:
 * a reload reads it again. Throws CONFIG_INVALID with what is wrong with it, a line each.
 */
export function descriptionOf(target: DescribedTarget, baseDirectory: string): ServiceDescription | undefined {
  if (target.openapi === undefined) return undefined
  const known = descriptions.get(target)
  if (known !== undefined) return known
  const request = requestFor(target, target.openapi, textOf(readBytes(target.openapi, baseDirectory), target.openapi))
  const { text, file, options } = request
  const description = preparedOf(request) ?? readDocument(text, file, options)
  if ('problem' in description) throw new PamError('CONFIG_INVALID', description.problem)
  descriptions.set(target, description)
  return description
}

/** Reads the documents of targets off the main thread, so that `descriptionOf` need not. What is wrong with one is said there. */
export async function prepareDescriptions(
  targets: readonly DescribedTarget[],
  baseDirectory: string,
  reader = documentReader(),
): Promise<void> {
  const requests: DocumentRequest[] = []
  try {
    for (const target of targets) {
      if (target.openapi === undefined) continue
      try {
        const bytes = await readFile(resolve(baseDirectory, target.openapi))
        requests.push(requestFor(target, target.openapi, textOf(bytes, target.openapi)))
      } catch {
        // It is read once more, and what is wrong is said then.
      }
    }
    await prepareDocuments(requests, reader)
  } finally {
    await reader.close()
  }
}

const requestFor = (
  { basePath, unsafeOperations: unsafe }: DescribedTarget,
  file: string,
  text: string,
): DocumentRequest => ({ text, file, options: { basePath, unsafe } })

/** By the target's entry, which each reading of the configuration makes anew. */
const descriptions = new WeakMap<DescribedTarget, ServiceDescription>()

function readBytes(file: string, baseDirectory: string): Buffer {
  try {
    return readFileSync(resolve(baseDirectory, file))
  } catch (error) {
    throw new PamError('CONFIG_INVALID', fileProblem(file, error), { cause: error })
  }
}

function textOf(bytes: Buffer, file: string): string {
  if (bytes.length > MAX_BYTES)
    throw new PamError(
      'CONFIG_INVALID',
      `${file} is larger than ${MAX_BYTES / 1024 ** 2} MiB: leave out what is not about paths`,
    )
  if (!isUtf8(bytes)) throw new PamError('CONFIG_INVALID', `${file} is not UTF-8`)
  return bytes.toString('utf8')
}

/** What is wrong with the description of a target: the path is within the target's entry. */
export function descriptionProblems(
  target: DescribedTarget,
  baseDirectory: string,
): { readonly path: readonly (string | number)[]; readonly message: string }[] {
  try {
    const description = descriptionOf(target, baseDirectory)
    const names = description?.operations.map(({ name }) => name) ?? []
    return target.unsafeOperations.flatMap((name, index) => {
      const problem = (message: string) => [{ path: ['unsafeOperations', index], message }]
      const method = description?.methodOf(name)
      if (method === undefined)
        return problem(`${target.openapi ?? ''} has no operation "${name}"${didYouMean(name, names)}`)
      return READING_METHODS.has(method)
        ? []
        : problem(`"${name}" is a ${method}, and only GET, HEAD and OPTIONS can be safe: leave it out`)
    })
  } catch (error) {
    if (!(error instanceof PamError) || error.code !== 'CONFIG_INVALID') throw error
    return error.message.split('\n').map((message) => ({ path: ['openapi'], message }))
  }
}

const MAX_BYTES = 8 * 1024 * 1024
/** Source: RFC 9110, section 9.2.1, but for TRACE. */
const READING_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])
