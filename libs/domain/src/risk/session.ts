import { clockOf, dateOf, dayOfMs, secondOfMs } from '../market/ist';
import { type Check, fail, pass } from './check';

/** Whether the exchange takes such an order now; of an order that waits with us, when it is to be sent. */
export const session: Check = (_, { releaseAtMs }, { session: answer }) => {
  if (answer === undefined) return fail({ rule: 'market hours', reason: 'the time of the market is not known' });
  const { rule, effectiveFrom } = answer;
  const told = { rule, ...(effectiveFrom !== undefined && { effectiveFrom }) };
  if (answer.allowed) {
    const reasons: string[] = [];
    if (releaseAtMs !== undefined) reasons.push(`held until ${timeOf(releaseAtMs)}`);
    if (answer.caution !== undefined) reasons.push(answer.caution);
    return pass({ ...told, actual: answer.phase, ...(reasons.length > 0 && { reason: reasons.join('; ') }) });
  }
  const { code, reason, nextOpensAtMs } = answer;
  const next = nextOpensAtMs === undefined ? '' : `; next at ${timeOf(nextOpensAtMs)}`;
  return fail({ ...told, actual: code, reason: `${reason}${next}` });
};

const timeOf = (atMs: number): string => `${dateOf(dayOfMs(atMs))} ${clockOf(secondOfMs(atMs))} IST`;
