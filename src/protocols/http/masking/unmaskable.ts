import { PamError } from '../../../shared/errors.ts'

/** What cannot be read in full is not shown where anything is masked. `why` goes on a sentence: `the answer is not JSON`. */
export const unmaskable = (why: string): PamError =>
  new PamError('MASKING_REFUSED', `values are masked here, and ${why}`, { side: 'upstream' })
