import 'reflect-metadata';
import { run } from '#platform/run';
import { startStandalone } from './standalone.module';

void run(startStandalone);
