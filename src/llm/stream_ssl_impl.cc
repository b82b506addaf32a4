// The one translation unit that compiles the non-template code of Asio's TLS.
#include <boost/asio/ssl/impl/src.hpp>
