"""One model a file: frames in, a result out. Models never read or write anything."""
