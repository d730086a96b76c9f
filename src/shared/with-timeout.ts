/** False where it takes longer than so many milliseconds. */
export const withTimeout = (done: Promise<true>, milliseconds: number): Promise<boolean> =>
  Promise.race([done, new Promise<false>((resolve) => setTimeout(() => resolve(false), milliseconds).unref())])
