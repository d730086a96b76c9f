import { z } from 'zod'
import type { YamlPath } from './yaml-file.ts'

/** What a value of the configuration names that has to be there when the gateway starts. */
export type Needed = 'secret' | 'credential' | 'certificates' | 'file'

export const needed = z.registry<{ readonly what: Needed }>()

/** A PEM file of certificates, relative to the configuration file. */
export const certificates = z.string().min(1).register(needed, { what: 'certificates' })

/** Another file that is read. */
export const readableFile = z.string().min(1).register(needed, { what: 'file' })

export interface NeededValue {
  readonly what: Needed
  readonly path: YamlPath
  readonly value: string
}

/** Every secret, certificate and file that a value names, by what its schema says: a new one cannot be forgotten. */
export function neededValues(schema: z.core.$ZodType, value: unknown, path: YamlPath = []): NeededValue[] {
  if (value === undefined) return []
  const what = needed.get(schema)?.what
  if (what !== undefined) return [{ what, path, value: value as string }]
  const { def } = (schema as z.core.$ZodTypes)._zod
  if (def.type === 'object')
    return Object.entries(def.shape).flatMap(([key, inner]) =>
      neededValues(inner, (value as Record<string, unknown>)[key], [...path, key]),
    )
  if (def.type === 'array')
    return (value as unknown[]).flatMap((item, index) => neededValues(def.element, item, [...path, index]))
  if (def.type === 'union')
    return def.options
      .filter((option) => isOption(option, value as Record<string, unknown>))
      .flatMap((option) => neededValues(option, value, path))
  // Optional, with a default, and the like.
  return 'innerType' in def ? neededValues(def.innerType, value, path) : []
}

/** Whether a value is of this option of a discriminated union. */
const isOption = (option: z.core.$ZodType, value: Record<string, unknown>): boolean =>
  Object.entries(option._zod.propValues ?? {}).every(([key, values]) => values.has(value[key] as z.core.util.Primitive))
