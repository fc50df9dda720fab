import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/**
 * A process of the benchmark's own: it answers one question after the other and ends with the process that asks. Load,
 * ceilings and bulk work run apart, so that none of them holds up the event loop of another.
 */
export interface Child<Question, Answer> {
  readonly pid: number;
  /** Rejects with what the child threw, or when it ends before it has answered. */
  ask(question: Question): Promise<Answer>;
  stop(): Promise<void>;
}

type Reply = { readonly answer: unknown } | { readonly failed: string };

const isReply = (message: unknown): message is Reply =>
  typeof message === 'object' && message !== null && ('answer' in message || 'failed' in message);

/** @param file name of a compiled file beside this one that calls `answerQuestions`. */
export const startChild = <Question extends object, Answer>(
  file: string,
  isAnswer: (value: unknown) => value is Answer,
): Child<Question, Answer> => {
  const child = fork(join(__dirname, file), {
    // Not in our process group: Ctrl-C is for us to handle, in order.
    detached: true,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, NODE_ENV: 'production' },
  });
  const { pid } = child;
  if (pid === undefined) throw new Error(`${file} could not be started`);
  const ended = once(child, 'exit');

  const ask = async (question: Question): Promise<Answer> => {
    const answered = once(child, 'message');
    child.send(question);
    const messages: readonly unknown[] = await Promise.race([answered, ended]);
    const message = messages[0];
    if (!isReply(message)) throw new Error(`${file} ended in the middle of its work`);
    if ('failed' in message) throw new Error(`${file}: ${message.failed}`);
    if (!isAnswer(message.answer)) throw new Error(`${file} answered with something else`);
    return message.answer;
  };

  return {
    pid,
    ask,
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.disconnect();
      const kill = setTimeout(() => child.kill('SIGKILL'), 5_000);
      await ended;
      clearTimeout(kill);
    },
  };
};

/** The child's side: answers every question, and ends when nobody is there to ask. */
export const answerQuestions = <Question>(
  isQuestion: (value: unknown) => value is Question,
  answer: (question: Question) => Promise<unknown>,
): void => {
  process.on('message', (question: unknown) => {
    if (!isQuestion(question)) throw new Error('this is not a question for this process');
    answer(question).then(
      (value) => process.send?.({ answer: value ?? null }),
      (error: unknown) =>
        process.send?.({ failed: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    );
  });
  process.on('disconnect', () => process.exit());
};

/** A guard good enough between two processes of one build: the object has these fields. */
export const hasFields =
  <Value extends object>(...fields: readonly (keyof Value & string)[]) =>
  (value: unknown): value is Value =>
    typeof value === 'object' && value !== null && fields.every((field) => field in value);
