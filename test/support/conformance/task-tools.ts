import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { acceptedContent, type CallToolResult, inputRequired } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { createdTask, needTasks, type Task, type TaskSource, takesTasks, unknownTask } from '../../../src/mcp/tasks.ts';
import { NOTHING, type Offer, said } from './tools.ts';

/** A task in memory. */
interface Made {
  task: Task;
  readonly cancelled: AbortController;
  answers: Record<string, unknown>;
  answered: () => void;
}

/** What a tool does as a task; it may wait for answers of the client. */
type Work = (
  made: Made,
  ask: (requests: Record<string, object>) => Promise<Record<string, unknown>>,
) => Promise<CallToolResult>;

const confirm = (message: string) =>
  inputRequired.elicit({ message, requestedSchema: z.object({ confirm: z.boolean() }) });

export function madeTasks() {
  const all = new Map<string, Made>();
  const madeNamed = (id: string) => {
    const made = all.get(id);
    if (!made) throw unknownTask(id);
    return made;
  };
  const change = (made: Made, fields: Partial<Task>) => {
    if (/completed|failed|cancelled/.test(made.task.status)) return;
    made.task = { ...made.task, ...fields, lastUpdatedAt: new Date().toISOString() };
  };
  const begin = (work: Work): CallToolResult => {
    const now = new Date().toISOString();
    const times = { createdAt: now, lastUpdatedAt: now, ttlMs: 600_000, pollIntervalMs: 100 };
    const task: Task = { taskId: randomUUID(), status: 'working', ...times };
    const made: Made = { task, cancelled: new AbortController(), answers: {}, answered: () => {} };
    all.set(task.taskId, made);
    const ask = async (requests: Record<string, object>) => {
      const open = () => Object.fromEntries(Object.entries(requests).filter(([key]) => !(key in made.answers)));
      while (Object.keys(open()).length > 0) {
        change(made, { status: 'input_required', inputRequests: open() });
        await new Promise<void>((resolve) => {
          made.answered = resolve;
        });
      }
      const { inputRequests: _answered, ...rest } = made.task;
      made.task = { ...rest, status: 'working' };
      return made.answers;
    };
    // It begins when the client has been told of it.
    setImmediate(() =>
      work(made, ask).then(
        (result) => change(made, { status: 'completed', result }),
        (error: Error) => change(made, { status: 'failed', error: { code: -32_603, message: error.message } }),
      ),
    );
    return createdTask(task);
  };
  const source: TaskSource = {
    get: async (id) => madeNamed(id).task,
    async cancel(id) {
      const made = madeNamed(id);
      change(made, { status: 'cancelled' });
      made.cancelled.abort();
    },
    async update(id, answers) {
      const made = madeNamed(id);
      made.answers = { ...made.answers, ...answers };
      const { inputRequests = {} } = made.task;
      const open = Object.entries(inputRequests).filter(([key]) => !(key in made.answers));
      if (open.length > 0) change(made, { inputRequests: Object.fromEntries(open) });
      else made.answered();
    },
  };
  return {
    source,
    offer(offer: Offer): void {
      for (const [name, { input, work, isAlways = false }] of Object.entries(WORKS))
        offer(name, {
          description: 'A task',
          input,
          async run(args, request) {
            if (isAlways) needTasks(request);
            if (takesTasks(request)) return begin(work(args));
            return work(args)({ cancelled: new AbortController() } as Made, async () => ({}));
          },
        });
      const schema = z.object({ name: z.string() });
      offer('test_tool_with_task', {
        description: 'Asks, then is a task',
        input: NOTHING,
        async run(_args, { mcpReq }) {
          const given = acceptedContent(mcpReq.inputResponses, 'user_name', schema);
          if (given) return begin(async () => said(`Hello, ${given.name}!`));
          const asked = inputRequired.elicit({ message: 'What is your name?', requestedSchema: schema });
          return inputRequired({ inputRequests: { user_name: asked } });
        },
      });
    },
  };
}

interface TaskTool {
  readonly input: z.ZodObject;
  work(args: Record<string, unknown>): Work;
  /** Whether it is nothing but a task. */
  readonly isAlways?: boolean;
}

const WORKS: Readonly<Record<string, TaskTool>> = {
  slow_compute: {
    input: z.object({ seconds: z.number().default(1), label: z.string().default('') }),
    work:
      ({ seconds, label }) =>
      async ({ cancelled }) => {
        await wait(Number(seconds) * 1_000, undefined, { signal: cancelled.signal });
        return said(`computed ${label}`);
      },
  },
  failing_job: {
    input: z.object({}),
    isAlways: true,
    work: () => async () => {
      await wait(500);
      return { ...said('it went wrong'), isError: true };
    },
  },
  protocol_error_job: {
    input: z.object({}),
    work: () => async () => {
      throw new Error('it broke down');
    },
  },
  confirm_delete: {
    input: z.object({ filename: z.string().default('') }),
    work:
      ({ filename }) =>
      async (_made, ask) => {
        await ask({ confirm: confirm(`Delete ${filename}?`) });
        return said(`deleted ${filename}`);
      },
  },
  multi_input: {
    input: z.object({}),
    work: () => async (_made, ask) => said(JSON.stringify(await ask({ one: confirm('One?'), two: confirm('Two?') }))),
  },
};
