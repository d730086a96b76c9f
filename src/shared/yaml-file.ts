import { readFileSync } from 'node:fs'
import { isNode, LineCounter, parseDocument } from 'yaml'
import type { z } from 'zod'
import { PamError } from './errors.ts'

/**
 * Reads a YAML file into a typed value. What is wrong is said with file, line, column and what was expected,
 * all of it at once.
 */
export function readYamlFile<Schema extends z.ZodType>(file: string, schema: Schema): z.output<Schema> {
  return parseYaml(readText(file), file, schema)
}

export function parseYaml<Schema extends z.ZodType>(text: string, file: string, schema: Schema): z.output<Schema> {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, merge: true })
  const place = (offset: number): string => {
    const { line, col } = lines.linePos(offset)
    return `${file}:${line}:${col}`
  }
  if (document.errors.length > 0) {
    throw invalid(document.errors.map((error) => `${place(error.pos[0])}: ${error.message.split('\n')[0]}`))
  }
  const result = schema.safeParse(document.toJS({ maxAliasCount: 100 }) ?? {})
  if (result.success) return result.data
  throw invalid(
    result.error.issues.map((issue) => {
      const path = issue.path.map((step) => (typeof step === 'symbol' ? step.toString() : step))
      return `${place(offsetOf(path))}: ${path.length === 0 ? 'the file' : path.join('.')}: ${issue.message}`
    }),
  )

  /** The offset of the nearest thing that the file does say. */
  function offsetOf(path: readonly (string | number)[]): number {
    for (let length = path.length; length > 0; length--) {
      const node = document.getIn(path.slice(0, length), true)
      if (isNode(node) && node.range) return node.range[0]
    }
    return 0
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new PamError('CONFIG_INVALID', `${file}: cannot be read (${(error as NodeJS.ErrnoException).code})`, {
      cause: error,
    })
  }
}

const invalid = (problems: readonly string[]): PamError => new PamError('CONFIG_INVALID', problems.join('\n'))
