import { z } from 'zod'
import { needed } from '../shared/needed-values.ts'
import { isSecretReference } from './secret-reference.ts'

/** Where a secret is, never the secret itself. */
export const secret = z
  .string()
  .refine(isSecretReference, 'expected a reference, env:NAME or file:PATH, not the secret itself')
  .transform((text) => text)
  .register(needed, { what: 'secret' })
