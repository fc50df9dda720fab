import { Problem } from '#platform/problem-details';

/** The version of a document that a client says it has seen, from `If-Match`. @throws Problem */
export const versionIn = (ifMatch: string | undefined, document: string): number => {
  if (ifMatch === undefined)
    throw new Problem(428, 'VERSION_REQUIRED', `Say in If-Match which version of the ${document} you have seen.`, {
      errors: [{ field: 'If-Match', message: 'is missing' }],
    });
  const [, version] = /^(?:W\/)?"?(\d{1,9})"?$/.exec(ifMatch.trim()) ?? [];
  if (version === undefined)
    throw new Problem(400, 'VALIDATION_FAILED', 'If-Match does not name a version.', {
      errors: [{ field: 'If-Match', message: 'must be a version such as "3"' }],
    });
  return Number(version);
};
